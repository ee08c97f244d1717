import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig, HostConfig } from '../../core/wire/container.ts';
import type { ContainerMount } from './mounts.ts';
import { planMounts, tmpfsOptions } from './mounts.ts';

const plan = (host: HostConfig, config: ContainerConfig = {}, inherited: ContainerMount[] = []) =>
  planMounts(config, host, inherited);

test('binds: paths, names, modes', () => {
  const plans = plan({ Binds: ['/src/:/dst/:ro,rslave', 'data:/var/lib/x', '/anon'] });
  assert.deepEqual(
    plans.map((p) => ({ kind: p.kind, target: p.target, readOnly: p.readOnly })),
    [
      { kind: 'bind', target: '/dst', readOnly: true },
      { kind: 'volume', target: '/anon', readOnly: false },
      { kind: 'volume', target: '/var/lib/x', readOnly: false },
    ],
  );
  const [bind] = plans;
  assert.ok(bind?.kind === 'bind');
  assert.equal(bind.source, '/src');
  assert.equal(bind.propagation, 'rslave');
  assert.equal(bind.createSource, true);
});

test('parents come before children', () => {
  const plans = plan({ Binds: ['/a:/x/y/z', '/b:/x', '/c:/x/y'] });
  assert.deepEqual(
    plans.map((p) => p.target),
    ['/x', '/x/y', '/x/y/z'],
  );
});

test('volumes of the image are anonymous unless something is mounted there', () => {
  const plans = plan({ Binds: ['named:/data'] }, { Volumes: { '/data': {}, '/logs': {} } });
  assert.deepEqual(
    plans.map((p) => (p.kind === 'volume' ? [p.target, p.name, p.anonymous] : [])),
    [
      ['/data', 'named', false],
      ['/logs', '', true],
    ],
  );
});

test('own mounts replace inherited ones; an anonymous volume goes with the last one that has it', () => {
  const inherited: ContainerMount[] = [
    { kind: 'volume', name: 'a', target: '/a', readOnly: false, mode: 'z', anonymous: true, subpath: '' },
    { kind: 'volume', name: 'b', target: '/b', readOnly: false, mode: 'z', anonymous: false, subpath: '' },
  ];
  const plans = plan({ Binds: ['mine:/b'] }, {}, inherited);
  assert.deepEqual(
    plans.map((p) => (p.kind === 'volume' ? [p.name, p.anonymous] : [])),
    [
      ['a', true],
      ['mine', false],
    ],
  );
});

const REFUSED: [string, HostConfig, RegExp][] = [
  ['two at one place', { Binds: ['/a:/x', '/b:/x'] }, /^Duplicate mount point: \/x$/],
  [
    'a bind and a mount at one place',
    { Binds: ['/a:/x'], Mounts: [{ Type: 'tmpfs', Target: '/x/' }] },
    /Duplicate mount point: \/x/,
  ],
  ['too many parts', { Binds: ['a:/b:c:d'] }, /^invalid volume specification: 'a:\/b:c:d'$/],
  ['two modes of a kind', { Binds: ['/a:/b:rw,ro'] }, /^invalid mode: rw,ro$/],
  ['unknown mode', { Binds: ['/a:/b:zz'] }, /^invalid mode: zz$/],
  ['the root', { Binds: ['/a:/'] }, /destination can't be '\/'/],
  [
    'relative target',
    { Mounts: [{ Type: 'volume', Source: 'v', Target: 'x' }] },
    /^invalid mount config for type "volume": invalid mount path: 'x' mount path must be absolute$/,
  ],
  ['relative source', { Mounts: [{ Type: 'bind', Source: 'x', Target: '/x' }] }, /mount path must be absolute/],
  ['no source', { Mounts: [{ Type: 'bind', Target: '/x' }] }, /field Source must not be empty/],
  [
    'options of another kind',
    { Mounts: [{ Type: 'volume', Target: '/x', BindOptions: {} }] },
    /^BindOptions must not be specified on mount type "volume"$/,
  ],
  [
    'unknown kind',
    { Mounts: [{ Type: 'npipe', Target: '/x' }] },
    /^invalid mount config for type "npipe": mount type unknown$/,
  ],
];
for (const [name, host, message] of REFUSED) {
  test(`refused: ${name}`, () => assert.throws(() => plan(host), { message }));
}

const TMPFS: [string[], string[]][] = [
  [[], ['noexec', 'nosuid', 'nodev']],
  [
    ['exec', 'size=64m'],
    ['exec', 'nosuid', 'nodev', 'size=67108864'],
  ],
  [
    ['size=50%', 'mode=1777'],
    ['noexec', 'nosuid', 'nodev', 'size=50%', 'mode=1777'],
  ],
];
for (const [given, expected] of TMPFS) {
  test(`tmpfs options ${JSON.stringify(given)}`, () => assert.deepEqual(tmpfsOptions(given), expected));
}
