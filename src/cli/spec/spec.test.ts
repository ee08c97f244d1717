import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvFields } from './csv.ts';
import { parseUlimit } from '../../core/ulimits.ts';
import { parseDevice, parseRestart, securityOptions } from './limits.ts';
import { parseMount, parseVolumes } from './mounts.ts';
import { networksOf } from './networks.ts';
import { environment, filterPairs } from './pairs.ts';
import { parseExposed, parsePublished } from './ports.ts';
import { parseBytes, parseDuration, parseMoment } from './quantity.ts';

const binding = (HostIp: string, HostPort: string) => ({ HostIp, HostPort });

const PORTS: readonly [spec: string, bindings: Record<string, object[]>][] = [
  ['80', { '80/tcp': [binding('', '')] }],
  ['8080:80', { '80/tcp': [binding('', '8080')] }],
  ['8080:80/UDP', { '80/udp': [binding('', '8080')] }],
  ['127.0.0.1:8080:80', { '80/tcp': [binding('127.0.0.1', '8080')] }],
  ['127.0.0.1::80', { '80/tcp': [binding('127.0.0.1', '')] }],
  ['[::1]:8080:80', { '80/tcp': [binding('::1', '8080')] }],
  ['8000-8001:80-81', { '80/tcp': [binding('', '8000')], '81/tcp': [binding('', '8001')] }],
  ['8000-8010:80', { '80/tcp': [binding('', '8000-8010')] }],
  ['80-81', { '80/tcp': [binding('', '')], '81/tcp': [binding('', '')] }],
  ['published=8080,target=80,protocol=udp,mode=host', { '80/udp': [binding('', '8080')] }],
];
for (const [spec, bindings] of PORTS) {
  test(`-p ${spec}`, () => {
    const parsed = parsePublished([spec]);
    assert.deepEqual(parsed.bindings, bindings);
    assert.deepEqual(Object.keys(parsed.exposed), Object.keys(bindings));
  });
}

const BAD_PORTS: readonly [spec: string, message: string][] = [
  ['a:b', 'invalid containerPort: b'],
  ['a:80', 'invalid hostPort: a'],
  ['x:80:80', 'invalid IP address: x'],
  ['80:', 'no port specified: 80:<empty>'],
  ['80:80/foo', 'invalid proto: foo'],
  ['1-3:80-81', 'invalid ranges specified for container and host Ports: 80-81 and 1-3'],
  ['70000:80', 'invalid hostPort: 70000'],
];
for (const [spec, message] of BAD_PORTS) {
  test(`-p ${spec} is refused`, () => assert.throws(() => parsePublished([spec]), { message }));
}

test('--expose takes ranges', () => {
  assert.deepEqual(parseExposed(['80', '7000-7001/udp']), { '80/tcp': {}, '7000/udp': {}, '7001/udp': {} });
});

test('volumes: anonymous, named, relative, absolute', () => {
  assert.deepEqual(parseVolumes(['/data', 'v:/x:ro', './a:/b', '..:/c', '/h:/d', 'name/x:/e'], '/home/me'), {
    binds: ['v:/x:ro', '/home/me/a:/b', '/home:/c', '/h:/d', 'name/x:/e'],
    anonymous: { '/data': {} },
  });
});

test('--mount in all its parts', () => {
  assert.deepEqual(parseMount('type=bind,source=./x,"target=/y,z",readonly,bind-propagation=rslave', '/w'), {
    Type: 'bind',
    Source: '/w/x',
    Target: '/y,z',
    ReadOnly: true,
    BindOptions: { Propagation: 'rslave' },
  });
  assert.deepEqual(parseMount('src=v,dst=/d,volume-nocopy,volume-opt=a=b,volume-label=l', '/'), {
    Type: 'volume',
    Source: 'v',
    Target: '/d',
    VolumeOptions: { NoCopy: true, DriverConfig: { Options: { a: 'b' } }, Labels: { l: '' } },
  });
  assert.deepEqual(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770,ro=false', '/'), {
    Type: 'tmpfs',
    Target: '/t',
    ReadOnly: false,
    TmpfsOptions: { SizeBytes: 1024 ** 2, Mode: 0o1770 },
  });
});

const BAD_MOUNTS: readonly [spec: string, message: string][] = [
  ['type=bind,soruce=/x,target=/y', "unexpected key 'soruce' in 'soruce=/x'; did you mean \"source\"?"],
  ['type=bind,source=/x', 'target is required'],
  ['type=bind,source', "invalid field 'source' must be a key=value pair"],
  ['type=bind,target=/x,volume-nocopy', "cannot mix 'volume-*' options with mount type 'bind'"],
  ['type=bind,target=/x,readonly=maybe', 'invalid value for readonly: maybe'],
];
for (const [spec, message] of BAD_MOUNTS) {
  test(`--mount ${spec} is refused`, () => assert.throws(() => parseMount(spec, '/'), { message }));
}

const SIZES: readonly [text: string, bytes: number][] = [
  ['0', 0],
  ['32', 32],
  ['32b', 32],
  ['64k', 65536],
  ['64KB', 65536],
  ['64kib', 65536],
  ['1.5g', 1.5 * 1024 ** 3],
  ['2T', 2 * 1024 ** 4],
];
for (const [text, bytes] of SIZES) test(`size ${text}`, () => assert.equal(parseBytes(text), bytes));
const BAD_SIZES: readonly [text: string, message: string][] = [
  ['', "invalid size: ''"],
  ['x', "invalid size: 'x'"],
  ['k', "invalid size: 'k'"],
  ['-1', "invalid size: '-1'"],
  ['1x', "invalid suffix: 'x'"],
  ['1kk', "invalid suffix: 'kk'"],
  ['1 2', 'strconv.ParseFloat: parsing "1 2": invalid syntax'],
];
for (const [text, message] of BAD_SIZES) {
  test(`size "${text}" is refused`, () => assert.throws(() => parseBytes(text), { message }));
}

test('durations are nanoseconds', () => {
  assert.equal(parseDuration('1m30s'), 90e9);
  assert.equal(parseDuration('500ms'), 5e8);
  assert.equal(parseDuration('1.5h'), 5400e9);
  assert.equal(parseDuration('0'), 0);
  assert.throws(() => parseDuration('5'), { message: 'time: missing unit in duration "5"' });
  assert.throws(() => parseDuration('5 s'), { message: 'time: invalid duration "5 s"' });
});

test('moments become Unix seconds', () => {
  const now = new Date('2026-01-02T03:04:05.500Z');
  assert.equal(parseMoment('1700000000.123456789', now), '1700000000.123456789');
  assert.equal(parseMoment('10m', now), String(now.getTime() / 1000 - 600).padEnd(14, '0'));
  assert.equal(parseMoment('2026-01-02T03:04:05.000000001Z', now), '1767323045.000000001');
  assert.equal(parseMoment('2026-01-02T03:04:05+01:00', now), '1767319445');
  assert.throws(() => parseMoment('yesterday', now));
});

test('environment: files first, K alone from outside, one that is unset there stays a name', () => {
  assert.deepEqual(environment([], ['A=1', 'HOME', 'NOPE', 'B='], { HOME: '/root' }, '/'), [
    'A=1',
    'HOME=/root',
    'NOPE',
    'B=',
  ]);
  assert.throws(() => environment([], ['=x'], {}, '/'), { message: 'invalid environment variable: =x' });
  assert.throws(() => environment(['/nope/env'], [], {}, '/'), {
    message: 'open /nope/env: no such file or directory',
  });
});

test('filters gather by key', () => {
  assert.deepEqual(filterPairs(['label=a=b', 'label=c', 'Status=x']), { label: ['a=b', 'c'], status: ['x'] });
});

test('limits', () => {
  assert.deepEqual(parseUlimit('nofile=10:20'), { Name: 'nofile', Soft: 10, Hard: 20 });
  assert.deepEqual(parseUlimit('core=-1'), { Name: 'core', Soft: -1, Hard: -1 });
  assert.throws(() => parseUlimit('nofile=20:10'));
  assert.throws(() => parseUlimit('nope=1'), { message: 'invalid ulimit type: nope' });
  assert.deepEqual(parseRestart('on-failure:3'), { Name: 'on-failure', MaximumRetryCount: 3 });
  assert.throws(() => parseRestart('on-failure:x'));
  assert.deepEqual(parseDevice('/dev/a:r'), {
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/a',
    CgroupPermissions: 'r',
  });
  assert.deepEqual(parseDevice('/dev/a:/dev/b:rw'), {
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/b',
    CgroupPermissions: 'rw',
  });
});

test('seccomp profiles are read here, systempaths is ours to translate', () => {
  const read = () => '{ "defaultAction": "SCMP_ACT_ALLOW" }';
  assert.deepEqual(securityOptions(['no-new-privileges', 'seccomp=p.json', 'systempaths=unconfined'], read), {
    options: ['no-new-privileges', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
    unconfinedPaths: true,
  });
  assert.throws(() => securityOptions(['nonsense'], read), { message: 'Invalid --security-opt: "nonsense"' });
});

const NO_NETWORK = {
  network: [],
  networkAlias: [],
  ip: undefined,
  ip6: undefined,
  link: [],
  linkLocalIp: [],
  macAddress: undefined,
};
test('networks', () => {
  assert.deepEqual(networksOf(NO_NETWORK), { mode: 'default', endpoints: { default: {} } });
  assert.deepEqual(networksOf({ ...NO_NETWORK, network: ['n'], networkAlias: ['a'], ip: '10.0.0.2', link: ['db:d'] }), {
    mode: 'n',
    endpoints: { n: { Aliases: ['a'], IPAMConfig: { IPv4Address: '10.0.0.2' }, Links: ['db:d'] } },
  });
  assert.deepEqual(networksOf({ ...NO_NETWORK, network: ['name=n,alias=a,driver-opt=k=v', 'm'] }), {
    mode: 'n',
    endpoints: { n: { Aliases: ['a'], DriverOpts: { k: 'v' } }, m: {} },
  });
  assert.throws(() => networksOf({ ...NO_NETWORK, network: ['n', 'n'] }));
});

test('CSV quoting', () => {
  assert.deepEqual(csvFields('a,"b,c",d'), ['a', 'b,c', 'd']);
  assert.deepEqual(csvFields('"a""b"'), ['a"b']);
  assert.throws(() => csvFields('"a'));
  assert.throws(() => csvFields('a"b'));
});
