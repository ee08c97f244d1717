import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { planBuild } from './plan.ts';
import { globalScope, platformArgs, StageArgs, unusedBuildArgs } from './variables.ts';

const linux = { os: 'linux', architecture: 'amd64' };
const given = (buildArgs: Record<string, string | null> = {}) => ({
  buildArgs,
  platform: platformArgs(linux, linux, ''),
});
function plan(text: string, target = '', buildArgs: Record<string, string | null> = {}) {
  const file = parseDockerfile(text, 'Dockerfile');
  return planBuild(file, target, globalScope(file, given(buildArgs)), 0);
}
const shape = (p: ReturnType<typeof plan>) => p.stages.map((s) => [s.stage.index, s.base, s.firstStep]);

test('a single stage', () => {
  const p = plan('FROM busybox\nRUN x\nCMD y');
  assert.deepEqual([shape(p), p.totalSteps], [[[0, { kind: 'image', reference: 'busybox' }, 1]], 3]);
});

test('global ARGs count as steps and feed FROM', () => {
  const p = plan('ARG V=1\nARG I=img:$V\nFROM ${I}-x\nRUN x', '', { V: '2' });
  assert.deepEqual([shape(p), p.totalSteps], [[[0, { kind: 'image', reference: 'img:2-x' }, 3]], 4]);
});

test('stages that the target does not need are left out, but counted', () => {
  const text = 'FROM a AS one\nRUN 1\nFROM b AS two\nRUN 2\nFROM one AS three\nCOPY --from=0 x y\nFROM c\n';
  assert.deepEqual(
    shape(plan(text, 'three')).map(([i, base, n]) => [i, base, n]),
    [
      [0, { kind: 'image', reference: 'a' }, 1],
      [2, { kind: 'stage', index: 0 }, 5],
    ],
  );
  assert.equal(plan(text, 'three').totalSteps, 6);
  assert.deepEqual(
    shape(plan(text)).map(([i]) => i),
    [3],
  );
  assert.deepEqual(
    shape(plan(text, '1')).map(([i]) => i),
    [1],
  );
});

test('a stage named like an image that it starts from is that image', () => {
  assert.deepEqual(shape(plan('FROM golang AS golang\nFROM scratch')), [[1, { kind: 'scratch' }, 2]]);
});

test('of stages of one name the last one before is meant', () => {
  const text = 'FROM a AS x\nFROM b AS x\nFROM x\nCOPY --from=x y z\nFROM c AS x';
  assert.deepEqual(
    shape(plan(text, '2')).map(([i, base]) => [i, base]),
    [
      [1, { kind: 'image', reference: 'b' }],
      [2, { kind: 'stage', index: 1 }],
    ],
  );
  assert.deepEqual(
    shape(plan(text, 'x')).map(([i]) => i),
    [3],
  );
});

test('mounts make dependencies', () => {
  const p = plan('FROM a AS one\nFROM b\nRUN --mount=from=one,target=/x y');
  assert.deepEqual(
    shape(p).map(([i]) => i),
    [0, 1],
  );
});

const WRONG: readonly (readonly [text: string, target: string, message: string])[] = [
  ['FROM a', 'nope', 'target stage "nope" could not be found'],
  ['FROM a\nFROM $X', '', 'dockerfile parse error on line 2: base name ($X) should not be blank'],
  ['FROM a AS me\nCOPY --from=me x y', '', 'circular dependency detected on stage: me'],
  ['FROM a\nCOPY --from=0 x y', '', 'invalid from flag value 0: refers to current build stage'],
  ['FROM a\nCOPY --from=5 x y', '', 'invalid stage index 5'],
  [
    'FROM a\nCOPY --from=c x y\nFROM b AS c',
    '0',
    'cannot copy from stage "c", it needs to be defined before current stage',
  ],
];
for (const [text, target, message] of WRONG) {
  test(`refuses: ${message}`, () => assert.throws(() => plan(text, target), { message }));
}

test('arguments: scope, precedence, history', () => {
  const file = parseDockerfile('ARG G=global\nARG H\nFROM a\nARG G\nARG L=$G-x\nARG H Q=q', 'Dockerfile');
  const args = given({ H: 'given', G: null, P: 'unused' });
  let scope = new StageArgs(globalScope(file, args), args);
  assert.equal(scope.lookup([])('G'), undefined, 'not seen before it is declared');
  const shown = file.stages[0]?.steps.map((step) => {
    assert.ok(step.kind === 'arg');
    const declared = scope.declare(step, [], '\\');
    scope = declared.scope;
    return declared.shown;
  });
  assert.deepEqual(shown, ['G', 'L=global-x', 'H Q=q']);
  assert.deepEqual(scope.inScope([]), ['G=global', 'H=given', 'L=global-x', 'Q=q']);
  assert.deepEqual(scope.inScope(['G=env']), ['H=given', 'L=global-x', 'Q=q']);
  assert.equal(scope.lookup(['G=env'])('G'), 'env', 'ENV beats ARG');
  assert.deepEqual(unusedBuildArgs(file, args.buildArgs, new Set()), ['P']);
});

test('proxies need no ARG and are not in scope', () => {
  const file = parseDockerfile('FROM a', 'Dockerfile');
  const args = given({ http_proxy: 'http://p' });
  const scope = new StageArgs(globalScope(file, args), args);
  assert.deepEqual(
    [scope.inScope([]), scope.proxies([]), scope.lookup([])('http_proxy')],
    [[], ['HTTP_PROXY=http://p', 'http_proxy=http://p'], undefined],
  );
  assert.deepEqual(unusedBuildArgs(file, args.buildArgs, new Set()), []);
});

test('platform arguments must be declared in a stage', () => {
  const file = parseDockerfile('FROM --platform=$BUILDPLATFORM a\nARG TARGETARCH', 'Dockerfile');
  const scope = globalScope(file, given());
  assert.equal(planBuild(file, '', scope, 0).stages[0]?.platform, 'linux/amd64');
  const args = new StageArgs(scope, given());
  assert.equal(args.lookup([])('TARGETARCH'), undefined);
  const step = file.stages[0]?.steps[0];
  assert.ok(step?.kind === 'arg');
  assert.deepEqual(args.declare(step, [], '\\').scope.inScope([]), ['TARGETARCH=amd64']);
});
