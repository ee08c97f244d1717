import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { NetworkResource } from '../../core/wire/network.ts';
import { normalise } from '../load/normalise.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import { configHash, resourceHash } from './hash.ts';
import { LABEL } from './labels.ts';
import type { Observed, UpOptions } from './plan-up.ts';
import { planUp } from './plan-up.ts';

function project(services: Record<string, Service>): Project {
  const model = normalise(
    { services, networks: {}, volumes: {}, secrets: {}, configs: {}, models: {}, extensions: {} },
    'p',
  );
  return {
    ...model,
    name: 'p',
    separator: '-',
    disabled: {},
    workingDirectory: '/p',
    files: [],
    environmentFiles: [],
    environment: {},
    positions: new Map(),
    origins: new Map(),
    templates: [],
    variableSources: new Map(),
  };
}

function container(
  of: Project,
  service: string,
  number: number,
  change: Partial<ContainerSummary> & { hash?: string } = {},
): ContainerSummary {
  const { hash, ...rest } = change;
  return {
    Id: `id-${service}-${number}`.padEnd(64, '0'),
    Names: [`/p-${service}-${number}`],
    Image: 'i',
    ImageID: 'sha256:i',
    Command: '',
    Created: 0,
    Ports: [],
    State: 'running',
    Status: '',
    HostConfig: { NetworkMode: '' },
    Mounts: [],
    NetworkSettings: { Networks: { p_default: {} } },
    Labels: {
      [LABEL.project]: 'p',
      [LABEL.service]: service,
      [LABEL.number]: String(number),
      [LABEL.oneOff]: 'False',
      [LABEL.image]: 'sha256:i',
      [LABEL.configHash]: hash ?? configHash(of.services[service] ?? {}),
    },
    ...rest,
  };
}

function network(of: Project): NetworkResource {
  return {
    Name: 'p_default',
    Id: 'net',
    Labels: {
      [LABEL.project]: 'p',
      [LABEL.network]: 'default',
      [LABEL.configHash]: resourceHash('network', of.networks['default'] ?? {}),
    },
  } as unknown as NetworkResource;
}

function plan(
  of: Project,
  containers: readonly ContainerSummary[],
  options: Partial<UpOptions> = {},
  fresh = false,
): { prepare: string[]; start: string[]; orphans: number } {
  const observed: Observed = { containers, networks: fresh ? [] : [network(of)], volumes: [] };
  const names = Object.keys(of.services);
  const result = planUp(of, observed, {
    services: new Set(names),
    named: new Set(),
    images: new Map(names.map((n) => [n, { id: 'sha256:i', volumes: [] }])),
    ...options,
  });
  return {
    prepare: result.prepare.map((s) => s.id),
    start: result.start.map((s) => s.id),
    orphans: result.orphans.length,
  };
}

const pair = project({
  web: { image: 'i', depends_on: { db: { condition: 'service_healthy', required: true } } },
  db: { image: 'i' },
});

test('nothing there: everything is made, dependencies first', () => {
  assert.deepEqual(plan(pair, [], {}, true), {
    prepare: ['network default', 'create p-db-1', 'create p-web-1'],
    start: ['start p-db-1', 'await db for web', 'start p-web-1'],
    orphans: 0,
  });
});

test('all as it should be: nothing is touched', () => {
  const got = plan(pair, [container(pair, 'web', 1), container(pair, 'db', 1)]);
  assert.deepEqual(got, { prepare: [], start: ['keep p-db-1', 'keep p-web-1'], orphans: 0 });
});

const solo = project({ web: { image: 'i' } });
const CASES: readonly (readonly [
  string,
  readonly ContainerSummary[],
  Partial<UpOptions>,
  readonly string[],
  readonly string[],
])[] = [
  [
    'a changed configuration',
    [container(solo, 'web', 1, { hash: 'old' })],
    {},
    ['recreate p-web-1'],
    ['start p-web-1'],
  ],
  [
    'a changed image',
    [container(solo, 'web', 1)],
    { images: new Map([['web', { id: 'sha256:new', volumes: [] }]]) },
    ['recreate p-web-1'],
    ['start p-web-1'],
  ],
  [
    'a changed image with --no-recreate',
    [container(solo, 'web', 1, { hash: 'old' })],
    { noRecreate: true },
    [],
    ['keep p-web-1'],
  ],
  ['--force-recreate', [container(solo, 'web', 1)], { forceRecreate: true }, ['recreate p-web-1'], ['start p-web-1']],
  ['a stopped container', [container(solo, 'web', 1, { State: 'exited' })], {}, [], ['start p-web-1']],
  [
    'a lost network',
    [container(solo, 'web', 1, { NetworkSettings: { Networks: {} } })],
    {},
    ['recreate p-web-1'],
    ['start p-web-1'],
  ],
  [
    'scaling up goes on after the highest number',
    [container(solo, 'web', 3)],
    { scale: new Map([['web', 3]]) },
    ['create p-web-4', 'create p-web-5'],
    ['keep p-web-3', 'start p-web-4', 'start p-web-5'],
  ],
  [
    'scaling down takes outdated ones first',
    [container(solo, 'web', 1, { hash: 'old' }), container(solo, 'web', 2)],
    { scale: new Map([['web', 1]]) },
    [`remove ${'id-web-1'.padEnd(64, '0')}`],
    ['keep p-web-2'],
  ],
  [
    'scaling to nothing',
    [container(solo, 'web', 1)],
    { scale: new Map([['web', 0]]) },
    [`remove ${'id-web-1'.padEnd(64, '0')}`],
    [],
  ],
  ['--no-start', [], { noStart: true }, ['create p-web-1'], []],
];
for (const [name, containers, options, prepare, start] of CASES) {
  test(`plan: ${name}`, () => assert.deepEqual(plan(solo, containers, options), { prepare, start, orphans: 0 }));
}

test('orphans are reported, or removed when asked; one-off containers that run are none', () => {
  const gone = container(solo, 'old', 1);
  const running = container(solo, 'web', 9, {
    Labels: { ...container(solo, 'web', 9).Labels, [LABEL.oneOff]: 'True' },
  });
  assert.equal(plan(solo, [container(solo, 'web', 1), gone, running]).orphans, 1);
  assert.deepEqual(plan(solo, [container(solo, 'web', 1), gone], { removeOrphans: true }).prepare, [
    `remove ${gone.Id}`,
  ]);
});

test('who shares the namespace of a replaced service is replaced with it', () => {
  const shared = project({ web: { image: 'i' }, side: { image: 'i', network_mode: 'service:web' } });
  const got = plan(shared, [container(shared, 'web', 1, { hash: 'old' }), container(shared, 'side', 1)]);
  assert.deepEqual(got.prepare, ['recreate p-web-1', 'recreate p-side-1']);
});

test('restart: true stops the dependent while its dependency is replaced', () => {
  const p = project({
    web: { image: 'i', depends_on: { db: { condition: 'service_started', restart: true, required: true } } },
    db: { image: 'i' },
  });
  const got = plan(p, [container(p, 'web', 1), container(p, 'db', 1, { hash: 'old' })]);
  assert.deepEqual(got.prepare, ['recreate p-db-1', 'stop p-web-1']);
  assert.deepEqual(got.start, ['start p-db-1', 'start p-web-1']);
});

test('the hash ignores what containers are not made from, and the order of keys', () => {
  const a: Service = {
    image: 'i',
    environment: { A: '1', B: '2' },
    depends_on: {},
    scale: 2,
    profiles: ['x'],
    build: { context: '/x' },
  };
  const b: Service = { environment: { B: '2', A: '1' }, image: 'i' };
  assert.equal(configHash(a), configHash(b));
  assert.notEqual(configHash(a), configHash({ ...b, image: 'j' }));
});
