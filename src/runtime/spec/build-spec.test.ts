import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildExecProcess, buildResources, buildSpec } from './build-spec.ts';
import { chooseCapabilities, DEFAULT_CAPABILITIES } from './capabilities.ts';
import { parseDeviceRule } from './devices.ts';
import type { SpecInput } from './input.ts';
import { defaultSeccomp } from './seccomp.ts';

const ROOT = { uid: 0, gid: 0, additionalGids: [], home: '/root' };
const input: SpecInput = {
  containerId: 'c',
  rootfs: '/r',
  readonlyRootfs: false,
  args: ['sh'],
  env: ['PATH=/bin'],
  cwd: '/',
  user: ROOT,
  hostname: 'h',
  domainname: '',
  tty: false,
  mounts: [],
  network: 'own',
  ipc: 'own',
  pid: 'own',
  uts: 'own',
  cgroupns: undefined,
  privileged: false,
  capAdd: [],
  capDrop: [],
  noNewPrivileges: false,
  seccomp: 'default',
  maskedPaths: undefined,
  readonlyPaths: undefined,
  devices: [],
  deviceCgroupRules: [],
  shmSizeBytes: 1024,
  sysctls: {},
  ulimits: [],
  oomScoreAdj: 0,
  resources: {},
  cgroupsPath: '/wharf/c',
  annotations: {},
};

test('capabilities: Docker’s fourteen, added and dropped in any spelling', () => {
  const all = [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN'];
  const choose = (add: string[], drop: string[]) => chooseCapabilities(false, add, drop, all);
  assert.equal(choose([], []).length, 14);
  assert.ok(choose(['net_admin'], []).includes('CAP_NET_ADMIN'));
  assert.ok(!choose([], ['CAP_CHOWN']).includes('CAP_CHOWN'));
  assert.deepEqual(choose(['chown'], ['all']), ['CAP_CHOWN']);
  assert.deepEqual(
    choose(['ALL'], ['SYS_ADMIN']),
    all.filter((name) => name !== 'CAP_SYS_ADMIN'),
  );
  assert.deepEqual(choose([], ['ALL']), []);
  assert.throws(() => choose(['NOPE'], []), /invalid capability to add: "NOPE"/);
  assert.deepEqual(chooseCapabilities(true, [], ['ALL'], all), all);
});

test('a user that is not root holds no capability but may be given them by programs', () => {
  const { capabilities } = buildSpec({ ...input, user: { ...ROOT, uid: 5 } }).process ?? {};
  assert.equal(capabilities?.bounding?.length, 14);
  assert.deepEqual([capabilities?.effective, capabilities?.permitted, capabilities?.ambient], [[], [], []]);
});

test('privileged: no filter, no masks, every device, a writable /sys', () => {
  const { linux, mounts } = buildSpec({ ...input, privileged: true });
  assert.equal(linux?.seccomp, undefined);
  assert.deepEqual([linux?.maskedPaths, linux?.readonlyPaths], [[], []]);
  assert.deepEqual(linux?.resources?.devices, [{ allow: true, access: 'rwm' }]);
  assert.ok(mounts.find((mount) => mount.destination === '/sys')?.options?.includes('rw'));
  assert.ok((linux?.devices?.length ?? 0) > 3);
});

test('namespaces, and what depends on them', () => {
  const types = (more: Partial<SpecInput>) =>
    buildSpec({ ...input, cgroupns: 'host', ...more }).linux?.namespaces.map(({ type }) => type);
  assert.deepEqual(types({}), ['mount', 'network', 'uts', 'pid', 'ipc']);
  assert.deepEqual(types({ network: 'host', ipc: 'host', pid: 'host', uts: 'host' }), ['mount']);
  assert.deepEqual(types({ cgroupns: 'private' }), ['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup']);
  const host = buildSpec({ ...input, network: 'host', uts: 'host', ipc: 'host' });
  assert.deepEqual(host.linux?.sysctl, {});
  assert.equal(host.hostname, undefined);
  assert.equal(host.mounts.find((mount) => mount.destination === '/dev/shm')?.type, 'bind');
  const none = buildSpec({ ...input, ipc: 'none' });
  assert.ok(!none.mounts.some((mount) => mount.destination === '/dev/shm'));
  assert.deepEqual(buildSpec({ ...input, network: { path: '/n' } }).linux?.namespaces[1], {
    type: 'network',
    path: '/n',
  });
});

test('mounts of the user come after the defaults and replace those at the same place', () => {
  const { mounts, linux } = buildSpec({
    ...input,
    mounts: [
      { kind: 'bind', source: '/s', target: '/t', readOnly: true, recursive: true, propagation: 'rshared' },
      { kind: 'tmpfs', target: '/dev/shm', options: ['size=1'] },
    ],
  });
  assert.deepEqual(mounts.slice(-2), [
    { destination: '/t', type: 'bind', source: '/s', options: ['rbind', 'ro', 'rshared'] },
    { destination: '/dev/shm', type: 'tmpfs', source: 'tmpfs', options: ['size=1'] },
  ]);
  assert.equal(mounts.filter((mount) => mount.destination === '/dev/shm').length, 1);
  assert.equal(linux?.rootfsPropagation, 'rshared');
});

test('the filter depends on capabilities and machine', () => {
  const names = (caps: string[], arch = 'x64', kernel = '6.1.0') =>
    new Set(
      defaultSeccomp(caps, arch, kernel)
        .syscalls?.filter((group) => group.action === 'SCMP_ACT_ALLOW')
        .flatMap((group) => group.names),
    );
  assert.ok(!names([]).has('mount') && names(['CAP_SYS_ADMIN']).has('mount'));
  assert.ok(names([]).has('arch_prctl') && !names([], 'arm64').has('arch_prctl'));
  assert.ok(names([]).has('ptrace') && !names([], 'x64', '4.4.0').has('ptrace'));
  assert.ok(!names([]).has('io_uring_setup') && !names([]).has('clone3'));
  const clone3 = defaultSeccomp([], 'x64', '6.1.0').syscalls?.find((group) => group.names.includes('clone3'));
  assert.deepEqual([clone3?.action, clone3?.errnoRet], ['SCMP_ACT_ERRNO', 38]);
});

test('limits: only what is set, swap as much again unless told', () => {
  assert.deepEqual(buildResources({}), {});
  assert.deepEqual(buildResources({ memoryBytes: 10 }), { memory: { limit: 10, swap: 20 } });
  assert.deepEqual(buildResources({ memoryBytes: 10, memorySwapBytes: -1 }), { memory: { limit: 10, swap: -1 } });
  assert.deepEqual(buildResources({ cpuQuotaMicros: 50_000, cpuPeriodMicros: 100_000, pidsLimit: 5 }), {
    cpu: { quota: 50_000, period: 100_000 },
    pids: { limit: 5 },
  });
});

test('device rules', () => {
  assert.deepEqual(parseDeviceRule('c 1:3 rwm'), { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' });
  assert.deepEqual(parseDeviceRule('b *:* m'), { allow: true, type: 'b', access: 'm' });
  assert.throws(() => parseDeviceRule('x 1:3 rwm'), /invalid device cgroup rule format: 'x 1:3 rwm'/);
  const { linux } = buildSpec({
    ...input,
    devices: [{ hostPath: '/dev/null', containerPath: '/dev/nil', permissions: 'r' }],
  });
  assert.deepEqual(linux?.resources?.devices?.at(-1), { allow: true, type: 'c', major: 1, minor: 3, access: 'r' });
  assert.equal(linux?.devices?.[0]?.path, '/dev/nil');
  assert.throws(
    () => buildSpec({ ...input, devices: [{ hostPath: '/dev/nope', containerPath: '/x', permissions: '' }] }),
    /custom device "\/dev\/nope": no such file or directory/,
  );
});

test('an exec takes over what it does not say', () => {
  const spec = buildSpec({ ...input, user: { uid: 7, gid: 8, additionalGids: [], home: '/h' }, cwd: '/w' });
  const base = { args: ['x'], env: ['A=1'], cwd: undefined, user: undefined, tty: false, privileged: false };
  const own = buildExecProcess(spec, base);
  assert.deepEqual([own.user.uid, own.cwd, own.env, own.capabilities?.effective], [7, '/w', ['A=1', 'HOME=/h'], []]);
  const other = buildExecProcess(spec, { ...base, cwd: '/', user: ROOT, privileged: true });
  assert.equal(other.user.uid, 0);
  assert.ok((other.capabilities?.effective?.length ?? 0) > 14);
});

test('mapped users: namespace, mappings, devices shown instead of made, settings as far as there are IDs', () => {
  const users = {
    path: '/proc/7/fd/3',
    uids: [{ containerId: 0, hostId: 100_000, size: 65_536 }],
    gids: [{ containerId: 0, hostId: 200_000, size: 1000 }],
  };
  const devices = [{ hostPath: '/dev/null', containerPath: '/dev/other', permissions: 'rw' }];
  const spec = buildSpec({ ...input, userNamespace: users, domainname: 'example.org', devices });
  assert.deepEqual(spec.linux?.namespaces[1], { type: 'user', path: '/proc/7/fd/3' });
  assert.deepEqual(spec.linux?.uidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
  assert.deepEqual(spec.linux?.gidMappings, [{ containerID: 0, hostID: 200_000, size: 1000 }]);
  assert.equal(spec.linux?.sysctl?.['net.ipv4.ping_group_range'], '0 999');
  assert.equal(spec.linux?.sysctl?.['kernel.domainname'], undefined);
  assert.equal(spec.domainname, 'example.org');
  assert.equal(spec.linux?.devices, undefined);
  assert.deepEqual(spec.mounts.at(-1), {
    destination: '/dev/other',
    type: 'bind',
    source: '/dev/null',
    options: ['bind', 'rw', 'rprivate'],
  });
  const at = (target: string) => spec.mounts.find((mount) => mount.destination === target);
  assert.ok(at('/sys/fs/cgroup')?.options?.includes('rw'));
  const { linux } = buildSpec(input);
  assert.ok(!linux?.namespaces.some((namespace) => namespace.type === 'user'));
  assert.deepEqual([linux?.uidMappings, linux?.sysctl?.['net.ipv4.ping_group_range']], [undefined, '0 2147483647']);
});
