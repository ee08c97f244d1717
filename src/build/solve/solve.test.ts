import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageRunConfig } from '../../core/oci.ts';
import { parsePlatform } from './base-images.ts';
import { checkSignal, exposePorts, setEntrypoint, setEnv, workdirOf } from './config.ts';
import { goDuration, quotedList, runHistory } from './history.ts';
import { CommandOutput, OrderedOutput } from './output.ts';
import { destinationOf, modeOf } from './place-files.ts';
import { hasWildcard } from './select-sources.ts';

test('lanes are told in order; the first that has not ended is passed on at once', () => {
  const told: string[] = [];
  const output = new OrderedOutput((m) => told.push(m.stream ?? ''));
  const [a, b, c] = [output.lane(), output.lane(), output.lane()];
  b.say('b1');
  c.say('c1');
  a.say('a1');
  assert.deepEqual(told, ['a1']);
  c.end();
  a.end();
  assert.deepEqual(told, ['a1', 'b1']);
  b.say('b2');
  b.end();
  assert.deepEqual(told, ['a1', 'b1', 'b2', 'c1']);
});

test('output of a command: letters cut in two are joined, and the two told apart', () => {
  let text = '';
  const output = new CommandOutput({ output: (stream, t) => (text += stream === 'stderr' ? `[${t}]` : t) });
  const bytes = Buffer.from('ü');
  output.write('stdout', bytes.subarray(0, 1));
  output.write('stderr', Buffer.from('e'));
  output.write('stdout', bytes.subarray(1));
  output.end();
  assert.equal(text, '[e]ü');
});

for (const [written, workdir, want] of [
  ['/a', '/w', '/a'],
  ['a/', '/w', '/w/a/'],
  ['.', '/w', '/w/'],
  ['./', '/', '/'],
  ['..', '/w/x', '/w'],
  ['/../../e', '/', '/e'],
  ['a/.', '/w', '/w/a/'],
] as const) {
  test(`destination ${written} in ${workdir}`, () => assert.equal(destinationOf(written, workdir), want));
}

for (const [before, path, want] of [
  ['', 'a', '/a'],
  ['/a', 'b/../c', '/a/c'],
  ['/a', '/b/', '/b'],
  ['/a', '..', '/'],
] as const) {
  test(`WORKDIR ${path} after ${before}`, () => assert.equal(workdirOf({ WorkingDir: before }, path), want));
}

test('EXPOSE', () => {
  const ports = (...specs: string[]) => Object.keys(exposePorts({}, specs).ExposedPorts ?? {});
  assert.deepEqual(ports('80', '90/UDP', '5-7/sctp', '127.0.0.1:1:2'), [
    '80/tcp',
    '90/udp',
    '5/sctp',
    '6/sctp',
    '7/sctp',
    '2/tcp',
  ]);
  for (const wrong of ['x', '0', '70000', '5-3', '80/foo', '80/tcp/x']) assert.throws(() => ports(wrong), wrong);
});

test('ENV replaces in place; ENTRYPOINT drops a CMD that is not this stage’s', () => {
  const env = setEnv({ Env: ['A=1', 'B=2', 'C=3'] }, [
    { name: 'B', value: 'x' },
    { name: 'D', value: '' },
  ]);
  assert.deepEqual(env.Env, ['A=1', 'B=x', 'C=3', 'D=']);
  const base: ImageRunConfig = { Cmd: ['c'] };
  const exec = { form: 'exec', args: ['e'] } as const;
  assert.equal(setEntrypoint(base, exec, false).Cmd, null);
  assert.deepEqual(setEntrypoint(base, exec, true).Cmd, ['c']);
});

test('signals, modes, wildcards, platforms', () => {
  for (const good of ['SIGTERM', 'term', '9', 'SIGRTMIN+3', 'RTMAX-1']) assert.equal(checkSignal(good), good);
  for (const wrong of ['FOO', '0', '65', '']) assert.throws(() => checkSignal(wrong), /invalid signal/);
  assert.deepEqual(
    ['755', '0644', 'u=rw,go='].map((m) => modeOf(m)(0o777, false)),
    [0o755, 0o644, 0o600],
  );
  for (const wrong of ['999', '17777', 'u+y', '']) assert.throws(() => modeOf(wrong), /invalid chmod parameter/);
  assert.deepEqual(['a*', 'a\\*', '[a]', 'a?'].map(hasWildcard), [true, false, true, true]);
  const host = { os: 'linux', architecture: 'amd64' };
  assert.deepEqual(parsePlatform('linux/arm64/v8', host), { os: 'linux', architecture: 'arm64', variant: 'v8' });
  assert.deepEqual(parsePlatform('linux', host), host);
  assert.deepEqual(parsePlatform('aarch64', host), { os: 'linux', architecture: 'arm64' });
  assert.throws(() => parsePlatform('a/b/c/d', host), /failed to parse platform/);
});

test('history texts', () => {
  assert.equal(runHistory('classic', ['/bin/sh', '-c', 'x'], ['A=1', 'B=2']), '|2 A=1 B=2 /bin/sh -c x');
  assert.equal(runHistory('classic', ['/bin/sh', '-c', 'x'], []), '/bin/sh -c x');
  assert.equal(runHistory('buildkit', ['/bin/sh', '-c', 'x'], ['A=1']), 'RUN |1 A=1 /bin/sh -c x # buildkit');
  assert.equal(quotedList(['a', 'b "c"']), '["a" "b \\"c\\""]');
  assert.deepEqual([0, 5e8, 5e9, 90e9, 3661e9].map(goDuration), ['0s', '500ms', '5s', '1m30s', '1h1m1s']);
});
