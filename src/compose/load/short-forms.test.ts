import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePort } from './short-ports.ts';
import { parseVolume } from './short-volumes.ts';
import { ShellWordsError, splitWords } from './shell-words.ts';
import { formatDuration, parseBytes, parseDuration } from './units.ts';
import { normaliseName, projectName } from './project-name.ts';

const port = (target: number, published?: string, extra: object = {}): object => ({
  mode: 'ingress',
  target,
  protocol: 'tcp',
  ...(published === undefined ? {} : { published }),
  ...extra,
});
for (const [text, expected] of [
  ['80', [port(80)]],
  ['8080:80', [port(80, '8080')]],
  ['80-82', [port(80), port(81), port(82)]],
  ['8080-8081:80-81', [port(80, '8080'), port(81, '8081')]],
  ['8080-8085:80', [port(80, '8080-8085')]],
  ['127.0.0.1:8080:80', [port(80, '8080', { host_ip: '127.0.0.1' })]],
  ['127.0.0.1::80', [port(80, undefined, { host_ip: '127.0.0.1' })]],
  ['[::1]:6000:6000', [port(6000, '6000', { host_ip: '::1' })]],
  ['53:53/udp', [port(53, '53', { protocol: 'udp' })]],
] as const) {
  test(`port ${text}`, () => assert.deepEqual(parsePort(text), expected));
}
for (const [text, message] of [
  ['abc:80', 'Invalid hostPort: abc'],
  ['80:abc', 'Invalid containerPort: abc'],
  ['localhost:80:80', 'Invalid ip address: localhost'],
  ['8080-8082:80-81', /Invalid ranges/],
  ['80:', /No port specified/],
  ['99999', 'Invalid containerPort: 99999'],
  ['80/foo', 'Invalid proto: foo'],
] as const) {
  test(`port ${text} is refused`, () => assert.throws(() => parsePort(text), { message }));
}

const rules = { baseDirectory: '/p', home: '/home/u' };
const bind = { create_host_path: true };
for (const [text, expected] of [
  ['/data', { type: 'volume', target: '/data', volume: {} }],
  ['data:/data', { type: 'volume', source: 'data', target: '/data', volume: {} }],
  ['data:/data:ro', { type: 'volume', source: 'data', target: '/data', read_only: true, volume: {} }],
  ['data:/data:nocopy', { type: 'volume', source: 'data', target: '/data', volume: { nocopy: true } }],
  ['./a:/b', { type: 'bind', source: '/p/a', target: '/b', bind }],
  ['../a:/b/', { type: 'bind', source: '/a', target: '/b', bind }],
  ['.:/b:rw', { type: 'bind', source: '/p', target: '/b', bind }],
  ['~/x:/y', { type: 'bind', source: '/home/u/x', target: '/y', bind }],
  ['/a:/b:ro,z', { type: 'bind', source: '/a', target: '/b', read_only: true, bind: { ...bind, selinux: 'z' } }],
  ['/a:/b:rslave', { type: 'bind', source: '/a', target: '/b', bind: { ...bind, propagation: 'rslave' } }],
  ['v:/z', { type: 'volume', source: 'v', target: '/z', volume: {} }],
] as const) {
  test(`volume ${text}`, () => assert.deepEqual(parseVolume(text, rules), expected));
}
for (const text of ['', 'a:', ':/b', 'a:b:c:d']) {
  test(`volume ${JSON.stringify(text)} is refused`, () => assert.throws(() => parseVolume(text, rules)));
}

for (const [text, expected, stop] of [
  ['echo hi', ['echo', 'hi'], undefined],
  ['  a   b  ', ['a', 'b'], undefined],
  [`sh -c 'a b' "c d"`, ['sh', '-c', 'a b', 'c d'], undefined],
  ['a\\ b c', ['a b', 'c'], undefined],
  [`a"b"'c'`, ['abc'], undefined],
  [`a ''`, ['a', ''], undefined],
  ['echo hi && ls', ['echo', 'hi'], '&'],
  ['a; b', ['a'], ';'],
  ['', [], undefined],
] as const) {
  test(`words of ${JSON.stringify(text)}`, () =>
    assert.deepEqual(splitWords(text), { words: [...expected], stoppedAt: stop }));
}
test('an open quote is refused', () => assert.throws(() => splitWords(`a "b`), ShellWordsError));

for (const [text, bytes] of [
  ['64M', 67_108_864],
  ['64mb', 67_108_864],
  ['1.5G', 1_610_612_736],
  ['1gb', 1_073_741_824],
  ['2kib', 2048],
  ['512', 512],
  ['10b', 10],
  ['-1', -1],
  ['x', undefined],
  ['', undefined],
  ['5q', undefined],
] as const) {
  test(`size ${text}`, () => assert.equal(parseBytes(text), bytes));
}
for (const [text, ns, shown] of [
  ['90s', 90e9, '1m30s'],
  ['1m', 60e9, '1m0s'],
  ['1h5m30s20ms', 3_930_020_000_000, '1h5m30.02s'],
  ['500ms', 5e8, '500ms'],
  ['10us', 1e4, '10µs'],
  ['1.5s', 1.5e9, '1.5s'],
  ['0', 0, '0s'],
  ['1d', 86_400e9, '24h0m0s'],
] as const) {
  test(`duration ${text}`, () => {
    assert.equal(parseDuration(text), ns);
    assert.equal(formatDuration(ns), shown);
  });
}
for (const text of ['', '10', 's', '5 s', '1x'])
  test(`duration ${JSON.stringify(text)} is none`, () => assert.equal(parseDuration(text), undefined));

for (const [text, name] of [
  ['Sub.Dir_X', 'subdir_x'],
  ['-_a', 'a'],
  ['My App', 'myapp'],
  ['...', ''],
] as const) {
  test(`project name of ${text}`, () => assert.equal(normaliseName(text), name));
}
test('the project name comes from flag, environment, file, folder in this order', () => {
  const all = { flag: 'f', environment: 'e', file: 'File', directory: '/x/Dir' };
  assert.equal(projectName(all), 'f');
  assert.equal(projectName({ ...all, flag: undefined }), 'e');
  assert.equal(projectName({ ...all, flag: undefined, environment: undefined }), 'file');
  assert.equal(projectName({ ...all, flag: undefined, environment: '', file: undefined }), 'dir');
  assert.throws(() => projectName({ ...all, flag: 'Bad' }), /invalid project name "Bad"/);
  assert.throws(
    () => projectName({ flag: undefined, environment: undefined, file: undefined, directory: '/...' }),
    /must not be empty/,
  );
});
