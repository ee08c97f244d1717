import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerInspect } from '../core/wire/container.ts';
import { containerInspectFor, createRequestFor, createWarnings } from './container-versions.ts';

test('what an old version did not know counts as not said', () => {
  const request = {
    Image: 'x',
    Healthcheck: { Test: ['CMD', 'x'], StartInterval: 5 },
    HostConfig: {
      Annotations: { a: 'b' },
      Mounts: [{ Type: 'bind' as const, Target: '/x', VolumeOptions: { NoCopy: true } }],
    },
    NetworkingConfig: { EndpointsConfig: { n: { MacAddress: '02:00:00:00:00:01', Aliases: ['a'] } } },
  };
  const old = createRequestFor('1.38', request);
  assert.equal(old.Healthcheck?.StartInterval, 0);
  assert.deepEqual([old.HostConfig?.IpcMode, old.HostConfig?.CgroupnsMode], ['shareable', 'host']);
  assert.deepEqual(
    [old.HostConfig?.Annotations, old.HostConfig?.Mounts],
    [undefined, [{ Type: 'bind', Target: '/x' }]],
  );
  assert.deepEqual(old.NetworkingConfig?.EndpointsConfig, { n: { Aliases: ['a'] } });
  assert.deepEqual(createRequestFor('1.50', request), request);
});

test('what came with a version is refused before it', () => {
  const image = { HostConfig: { Mounts: [{ Type: 'image' as const, Source: 'x', Target: '/x' }] } };
  assert.throws(() => createRequestFor('1.47', image), /needs API v1\.48 or newer/);
  const two = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } };
  assert.throws(() => createRequestFor('1.43', two), /cannot be created with multiple network endpoints: a, b/);
  assert.equal(createWarnings('1.44', { MacAddress: '02:00:00:00:00:01' }).length, 1);
  assert.equal(createWarnings('1.43', { MacAddress: '02:00:00:00:00:01' }).length, 0);
});

test('before 1.45 the short ID is an alias on user networks', () => {
  const container = {
    Id: 'f'.repeat(64),
    Config: { Hostname: 'h' },
    HostConfig: { NetworkMode: 'n' },
    NetworkSettings: { Networks: { n: { Aliases: ['a'] }, bridge: { Aliases: null } } },
  } as unknown as ContainerInspect;
  const { Networks } = containerInspectFor('1.44', container).NetworkSettings;
  assert.deepEqual([Networks['n']?.Aliases, Networks['bridge']?.Aliases], [['a', 'ffffffffffff', 'h'], null]);
  assert.equal(containerInspectFor('1.45', container), container);
});
