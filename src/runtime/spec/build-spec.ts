import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { IdRange } from '../../core/id-map.ts';
import { detectCgroups } from '../../linux/index.ts';
import { chooseCapabilities, hostCapabilities } from './capabilities.ts';
import { allDevices, DEFAULT_DEVICE_RULES, hostDevices, type OciDevice, parseDeviceRule } from './devices.ts';
import type { MountInput, NamespaceInput, ResolvedUser, SpecInput } from './input.ts';
import type { OciDeviceRule, OciLinux, OciMount, OciProcess, OciSpec } from './oci-spec.ts';
import { buildResources } from './resources.ts';
import { defaultSeccomp } from './seccomp.ts';

export { buildResources } from './resources.ts';

type Namespaces = OciLinux['namespaces'];

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
export const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/**
 * The bundle's config.json for a container, with Docker's posture where the input leaves it open.
 * @throws {WharfError} `INVALID_PARAMETER` for a capability, device or rule that does not exist
 */
export function buildSpec(input: SpecInput): OciSpec {
  const capabilities = chooseCapabilities(input.privileged, input.capAdd, input.capDrop);
  const { devices, rules, binds } = devicesOf(input);
  const { userNamespace } = input;
  const linux: OciLinux = {
    namespaces: namespacesOf(input),
    cgroupsPath: input.cgroupsPath,
    resources: { ...buildResources(input.resources), devices: rules },
    rootfsPropagation: rootfsPropagation(input.mounts),
    sysctl: sysctlsOf(input),
    maskedPaths: input.privileged ? [] : [...(input.maskedPaths ?? defaultMaskedPaths())],
    readonlyPaths: input.privileged ? [] : [...(input.readonlyPaths ?? READONLY_PATHS)],
  };
  if (devices.length > 0) linux.devices = devices;
  if (userNamespace !== undefined) {
    linux.uidMappings = ociMappings(userNamespace.uids);
    linux.gidMappings = ociMappings(userNamespace.gids);
  }
  // A filter that somebody names himself holds for a privileged container too.
  if (typeof input.seccomp === 'object') linux.seccomp = input.seccomp;
  else if (input.seccomp === 'default' && !input.privileged) linux.seccomp = defaultSeccomp(capabilities);
  const spec: OciSpec = {
    ociVersion: '1.0.2',
    process: {
      terminal: input.tty,
      ...(input.tty && input.consoleSize !== undefined
        ? { consoleSize: { height: input.consoleSize.rows, width: input.consoleSize.columns } }
        : {}),
      user: ociUser(input.user),
      args: [...input.args],
      env: withHome(input.env, input.user.home),
      cwd: input.cwd,
      capabilities: capabilitySets(capabilities, input.user.uid),
      noNewPrivileges: input.noNewPrivileges,
      oomScoreAdj: input.oomScoreAdj,
      ...(input.ulimits.length > 0
        ? {
            rlimits: input.ulimits.map((u) => ({
              type: rlimitName(u.name),
              soft: rlimit(u.soft),
              hard: rlimit(u.hard),
            })),
          }
        : {}),
    },
    root: { path: input.rootfs, readonly: input.readonlyRootfs },
    mounts: [...mountsOf(input), ...binds],
    annotations: { ...input.annotations },
    linux,
  };
  if (input.uts === 'own') {
    spec.hostname = input.hostname;
    // Only the machine's root may set it by way of /proc.
    if (input.domainname !== '' && userNamespace !== undefined) spec.domainname = input.domainname;
    else if (input.domainname !== '' && linux.sysctl !== undefined && !('kernel.domainname' in linux.sysctl)) {
      linux.sysctl['kernel.domainname'] = input.domainname;
    }
  }
  return spec;
}

/**
 * The process of an exec, derived from the container's own: its user, directory, limits and capabilities unless the exec
 * says otherwise. `env` is complete: nothing of the container's is added.
 */
export function buildExecProcess(
  container: OciSpec,
  exec: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string | undefined;
    readonly user: ResolvedUser | undefined;
    readonly tty: boolean;
    readonly privileged: boolean;
  },
): OciProcess {
  const own = container.process;
  if (own === undefined) throw new Error('a container without a process');
  const uid = exec.user?.uid ?? own.user.uid;
  const capabilities = exec.privileged ? hostCapabilities() : (own.capabilities?.bounding ?? []);
  const home = exec.user?.home ?? own.env.find((line) => line.startsWith('HOME='))?.slice('HOME='.length) ?? '/';
  const process: OciProcess = {
    terminal: exec.tty,
    user: exec.user === undefined ? own.user : ociUser(exec.user),
    args: [...exec.args],
    env: withHome(exec.env, home),
    cwd: exec.cwd ?? own.cwd,
    capabilities: capabilitySets(capabilities, uid),
    noNewPrivileges: own.noNewPrivileges ?? false,
  };
  if (own.rlimits !== undefined) process.rlimits = own.rlimits;
  if (own.apparmorProfile !== undefined) process.apparmorProfile = own.apparmorProfile;
  if (own.oomScoreAdj !== undefined) process.oomScoreAdj = own.oomScoreAdj;
  return process;
}

/** The primary group is named among the others too: else a process could drop it by setgid and pass for an outsider (CVE-2022-36109). */
function ociUser(user: ResolvedUser): OciProcess['user'] {
  return { uid: user.uid, gid: user.gid, additionalGids: [...new Set([user.gid, ...user.additionalGids])] };
}

function withHome(env: readonly string[], home: string): string[] {
  return env.some((line) => line.startsWith('HOME=')) ? [...env] : [...env, `HOME=${home}`];
}

/** Docker's way: bounding always; permitted and effective only for root, as exec(2) would leave it for others. */
function capabilitySets(capabilities: readonly string[], uid: number): NonNullable<OciProcess['capabilities']> {
  const held = uid === 0 ? [...capabilities] : [];
  return { bounding: [...capabilities], permitted: held, effective: [...held], inheritable: [], ambient: [] };
}

function rlimitName(name: string): string {
  return `RLIMIT_${name.toUpperCase()}`;
}

/** -1 is RLIM_INFINITY; JSON's nearest number to 2^64-1 would overflow in Go, so the largest that both read is used. */
function rlimit(value: number): number {
  return value < 0 ? Number.MAX_SAFE_INTEGER : value;
}

function namespacesOf(input: SpecInput): Namespaces {
  const namespaces: Namespaces = [{ type: 'mount' }];
  if (input.userNamespace !== undefined) namespaces.push({ type: 'user', path: input.userNamespace.path });
  const add = (type: Namespaces[number]['type'], wanted: NamespaceInput): void => {
    if (wanted === 'own') namespaces.push({ type });
    else if (wanted !== 'host') namespaces.push({ type, path: wanted.path });
  };
  add('network', input.network);
  add('uts', input.uts);
  add('pid', input.pid);
  add('ipc', input.ipc === 'none' ? 'own' : input.ipc);
  if (hasOwnCgroupns(input)) namespaces.push({ type: 'cgroup' });
  return namespaces;
}

function hasOwnCgroupns(input: SpecInput): boolean {
  return (input.cgroupns ?? (detectCgroups().mode === 'v2' && !input.privileged ? 'private' : 'host')) === 'private';
}

function sysctlsOf(input: SpecInput): Record<string, string> {
  // Both are about the network namespace, so only where it is not the host's.
  const own: Record<string, string> =
    input.network === 'host'
      ? {}
      : {
          'net.ipv4.ip_unprivileged_port_start': '0',
          'net.ipv4.ping_group_range': `0 ${lastGroup(input.userNamespace)}`,
        };
  // Somebody else's namespace (`container:x`) has its values already; saying them again changes nothing there.
  return { ...own, ...input.sysctls };
}

/** The last group in a row from 0 that there is. */
function lastGroup(userNamespace: SpecInput['userNamespace']): number {
  const first = userNamespace?.gids.find((range) => range.containerId === 0);
  return first === undefined ? 2147483647 : first.size - 1;
}

function ociMappings(ranges: readonly IdRange[]): NonNullable<OciLinux['uidMappings']> {
  return ranges.map(({ containerId, hostId, size }) => ({ containerID: containerId, hostID: hostId, size }));
}

let thermal: string[] | undefined;
/** With each processor's thermal_throttle, which counts what other tenants do. */
export function defaultMaskedPaths(): string[] {
  thermal ??= listThermal();
  return [...MASKED_PATHS, ...thermal];
}
function listThermal(): string[] {
  const base = '/sys/devices/system/cpu';
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${base}/${name}/thermal_throttle`)
    .filter((path) => existsSync(path));
}

function devicesOf(input: SpecInput): { devices: OciDevice[]; rules: OciDeviceRule[]; binds: OciMount[] } {
  const binds: OciMount[] = [];
  if (input.privileged) {
    const devices = allDevices();
    for (const extra of input.devices) {
      if (extra.containerPath !== extra.hostPath) devices.push(...hostDevices(extra).devices);
    }
    return { devices, rules: [{ allow: true, access: 'rwm' }], binds };
  }
  const devices: OciDevice[] = [];
  const rules: OciDeviceRule[] = [...DEFAULT_DEVICE_RULES];
  for (const request of input.devices) {
    const found = hostDevices(request);
    rules.push(...found.rules);
    if (input.userNamespace === undefined) devices.push(...found.devices);
    else binds.push(...found.devices.map((device) => deviceBind(request, device)));
  }
  rules.push(...input.deviceCgroupRules.map(parseDeviceRule));
  return { devices, rules, binds };
}

/** In a user namespace no device node can be made: the host's is shown. Runtimes would look for it at the container's path. */
function deviceBind(request: SpecInput['devices'][number], { path }: OciDevice): OciMount {
  const source = join(request.hostPath, relative(request.containerPath, path));
  return { destination: path, type: 'bind', source, options: ['bind', 'rw', 'rprivate'] };
}

/** As wide as the widest propagation that a bind asks for. */
function rootfsPropagation(mounts: readonly MountInput[]): string {
  const asked = mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount.propagation] : []));
  if (asked.some((word) => word.endsWith('shared'))) return 'rshared';
  return asked.some((word) => word.endsWith('slave')) ? 'rslave' : 'rprivate';
}

function mountsOf(input: SpecInput): OciMount[] {
  const writable = input.privileged ? 'rw' : 'ro';
  // What was mounted writable outside of a user namespace cannot be made read-only in it; the files are the host root's.
  const writableCgroup = input.userNamespace === undefined ? writable : 'rw';
  const defaults: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', writable] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [writableCgroup, 'nosuid', 'noexec', 'nodev'],
    },
    MESSAGE_QUEUES,
    // Without IPC there is nothing to share either.
    ...(input.ipc === 'none' ? [] : [shmMount(input)]),
  ];
  const asked = input.mounts.map((mount) => ociMount(mount));
  // What somebody mounts in the place of a default replaces it.
  const taken = new Set(asked.map((mount) => mount.destination));
  return [...defaults.filter((mount) => !taken.has(mount.destination)), ...asked];
}

/** Shows the queues of the IPC namespace that the container is in, the host's included: a host need not have it mounted. */
const MESSAGE_QUEUES: OciMount = {
  destination: '/dev/mqueue',
  type: 'mqueue',
  source: 'mqueue',
  options: ['nosuid', 'noexec', 'nodev'],
};

function shmMount(input: SpecInput): OciMount {
  if (input.ipc === 'host') {
    return { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate'] };
  }
  const options = ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${input.shmSizeBytes}`];
  return { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options };
}

function ociMount(mount: MountInput): OciMount {
  if (mount.kind === 'tmpfs') {
    return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options: [...mount.options] };
  }
  return {
    destination: mount.target,
    type: 'bind',
    source: mount.source,
    options: [
      mount.recursive ? 'rbind' : 'bind',
      mount.readOnly ? 'ro' : 'rw',
      ...(mount.readOnly && mount.readOnlyRecursive ? ['rro'] : []),
      mount.propagation === '' ? 'rprivate' : mount.propagation,
    ],
  };
}
