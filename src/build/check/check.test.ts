import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIgnore } from '../context/ignore.ts';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { checkDockerfile, refuseIfAsked } from './check.ts';

const given = { buildArgs: {}, platform: { TARGETPLATFORM: 'linux/amd64', BUILDPLATFORM: 'linux/amd64' } };

function findings(text: string, ignore = ''): string[] {
  const file = parseDockerfile(text, 'Dockerfile');
  const input = {
    given,
    ignored: parseIgnore(ignore),
    environmentOf: () => ['HOME=/root'],
    platformOf: (reference: string) => (reference === 'elsewhere' ? 'linux/arm64' : undefined),
  };
  return checkDockerfile(file, input).map((w) => `${w.rule} ${w.line}:${w.column} ${w.message}`);
}

for (const [text, want] of [
  ['FROM a AS Build', ["StageNameCasing 1:11 Stage name 'Build' should be lowercase"]],
  ['FROM a as b', ["FromAsCasing 1:7 'as' and 'FROM' keywords' casing do not match"]],
  [
    'FROM a\nRUN b\nrun c',
    ["ConsistentInstructionCasing 3:1 Command 'run' should match the case of the command majority (uppercase)"],
  ],
  ['FROM a\nRUN b \\\n\n c', ['NoEmptyContinuation 2:1 Empty continuation line']],
  ['FROM a AS scratch', ['ReservedStageName 1:11 Stage name should not use the same name as reserved stage "scratch"']],
  [
    'FROM a\nCMD b',
    ['JSONArgsRecommended 2:1 JSON arguments recommended for CMD to prevent unintended behavior related to OS signals'],
  ],
  ['FROM a\nSHELL ["sh"]\nCMD b', []],
  ['FROM a\nMAINTAINER b', ['MaintainerDeprecated 2:1 Maintainer instruction is deprecated in favor of using label']],
  [
    'ARG VERSION\nFROM a:${VERSON}',
    [
      "UndefinedArgInFrom 2:6 FROM argument 'VERSON' is not declared (did you mean VERSION?)",
      'InvalidDefaultArgInFrom 2:6 Default value for ARG a:${VERSON} results in empty or invalid base image name',
    ],
  ],
  ['ARG V=1\nFROM a:$V', []],
  ['FROM a\nCOPY $dir $HOME', ["UndefinedVar 2:7 Usage of undefined variable '$dir'"]],
  ['FROM a\nARG dir\nCOPY $dir ${x:-y} /', []],
  [
    'FROM a\nWORKDIR b\nWORKDIR /c\nWORKDIR d',
    ['WorkdirRelativePath 2:9 Relative workdir "b" can have unexpected results if the base image changes'],
  ],
  [
    'FROM a\nCMD ["b"]\nCMD ["c"]',
    [
      'MultipleInstructionsDisallowed 2:1 Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    ],
  ],
  [
    'FROM a\nENV b c',
    ['LegacyKeyValueFormat 2:1 "ENV key=value" should be used instead of legacy "ENV key value" format'],
  ],
  [
    'FROM --platform=$TARGETPLATFORM a',
    [
      'RedundantTargetPlatform 1:17 Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    ],
  ],
  [
    'FROM --platform=linux/amd64 a',
    ['FromPlatformFlagConstDisallowed 1:17 FROM --platform flag should not use constant value "linux/amd64"'],
  ],
  [
    'FROM a\nARG API_TOKEN\nENV PUBLIC_KEY=1',
    ['SecretsUsedInArgOrEnv 2:5 Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")'],
  ],
  [
    'FROM a\nEXPOSE 80/TCP',
    ["ExposeProtoCasing 2:8 Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"],
  ],
  [
    'FROM a\nEXPOSE 1:2',
    ["ExposeInvalidFormat 2:8 EXPOSE instruction should not define an IP address or host-port mapping, found '1:2'"],
  ],
  [
    'FROM a AS b\nFROM c AS B',
    [
      "StageNameCasing 2:11 Stage name 'B' should be lowercase",
      'DuplicateStageName 2:11 Duplicate stage name "b", stage names should be unique',
    ],
  ],
  ['FROM a AS x\nFROM b AS y', []],
  [
    'FROM a\nWORKDIR b\nWORKDIR c',
    ['WorkdirRelativePath 2:9 Relative workdir "b" can have unexpected results if the base image changes'],
  ],
  ['FROM a\nLABEL p=$HTTP_PROXY', ["UndefinedVar 2:10 Usage of undefined variable '$HTTP_PROXY'"]],
  ['# x about y\nARG z\nFROM a', []],
  [
    '# check=experimental=all\n\n# x about y\nARG z\n# w is w\nARG w\n# no\nFROM a AS b\n\n# no\n\nFROM c AS d',
    [
      'InvalidDefinitionDescription 4:1 Comment for ARG should follow the format: `# z <description>`',
      'InvalidDefinitionDescription 8:1 Comment for FROM should follow the format: `# b <description>`',
    ],
  ],
  [
    'FROM elsewhere',
    [
      'InvalidBaseImagePlatform 1:6 Base image elsewhere was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ],
  ],
  ['FROM --platform=$BUILDPLATFORM elsewhere', []],
  ['FROM a\n# check=skip=JSONArgsRecommended\nCMD b', []],
  ['# check=skip=MaintainerDeprecated,JSONArgsRecommended\nFROM a\nMAINTAINER b\nCMD c', []],
  ['# check=skip=all\nFROM a as B', []],
] as const) {
  test(`check: ${JSON.stringify(text)}`, () => assert.deepEqual(findings(text), want));
}

test('a file that .dockerignore leaves out', () => {
  assert.deepEqual(findings('FROM a\nCOPY secret.txt /', 'secret.txt'), [
    'CopyIgnoredFile 2:6 Attempting to Copy file "secret.txt" that is excluded by .dockerignore',
  ]);
});

test('check=error=true makes findings fatal; unknown options are refused', () => {
  const file = parseDockerfile('# check=error=true\nFROM a\nCMD b', 'Dockerfile');
  const warnings = checkDockerfile(file, { given, ignored: parseIgnore('') });
  assert.throws(() => refuseIfAsked(file, warnings, given), /lint violation found for rules: JSONArgsRecommended/);
  assert.throws(() => findings('# check=nope=1\nFROM a'), /invalid check option "nope"/);
});

test('what a build argument says of the checks goes before the file', () => {
  const file = parseDockerfile('# check=skip=all\nFROM a\nCMD b', 'Dockerfile');
  const asked = { ...given, buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'error=true' } };
  const warnings = checkDockerfile(file, { given: asked, ignored: parseIgnore('') });
  assert.equal(warnings.length, 1);
  assert.throws(() => refuseIfAsked(file, warnings, asked), /lint violation found for rules: JSONArgsRecommended/);
});

test('a finding knows where its instruction ends', () => {
  const file = parseDockerfile('FROM a\nCMD b \\\n  c\n', 'Dockerfile');
  const found = checkDockerfile(file, { given, ignored: parseIgnore('') });
  assert.deepEqual(
    found.map(({ line, lastLine }) => [line, lastLine]),
    [[2, 3]],
  );
});
