import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCgroups } from './cgroup.ts';

const line = (target: string, type: string, options: string) =>
  `30 24 0:26 / ${target} rw,relatime shared:4 - ${type} ${type} ${options}`;
const V1 = [
  line('/x/memory', 'cgroup', 'rw,memory'),
  line('/x/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
  line('/x/systemd', 'cgroup', 'rw,xattr,release_agent=/lib/agent,name=systemd'),
];

test('a host with controllers of version 1 only', () => {
  const host = detectCgroups(V1.join('\n'));
  assert.equal(host.mode, 'v1');
  assert.deepEqual(host.controllers, ['cpu', 'cpuacct', 'memory']);
  assert.equal(host.mounts.get('cpuacct'), '/x/cpu,cpuacct');
  assert.equal(host.mounts.get('name=systemd'), '/x/systemd');
});

test('with a version 2 tree beside them, and with that alone', () => {
  const unified = line('/nowhere/unified', 'cgroup2', 'rw,nsdelegate');
  assert.equal(detectCgroups([...V1, unified].join('\n')).mode, 'hybrid');
  const pure = detectCgroups(unified);
  assert.deepEqual([pure.mode, pure.mounts.get('')], ['v2', '/nowhere/unified']);
});
