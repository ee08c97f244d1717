/**
 * Flags and keys of dockerd about what is done otherwise here, or not at all, each with what is true here. A file made for
 * dockerd can be used as it is; `isMeant` tells values that ask for what happens anyway, of which nobody need be warned.
 */
interface DockerOnly {
  readonly why: string;
  readonly isMeant?: (value: unknown) => boolean;
}

const isOn = (value: unknown) => value === true || value === 'true' || value === undefined;
const isOff = (value: unknown) => value === false || value === 'false';
const always = () => true;

const NO_SWARM: DockerOnly = { why: 'there is no swarm' };
const NO_CONTAINERD: DockerOnly = { why: 'there is no containerd', isMeant: always };
const REALTIME: DockerOnly = { why: 'real-time scheduling is set for each container' };
const STORAGE_OPTIONS: DockerOnly = {
  why: 'overlayfs has no options here',
  isMeant: (value) => [value].flat().every((o) => o === 'overlay2.override_kernel_check=true'),
};

const DOCKER_ONLY: Readonly<Record<string, DockerOnly>> = {
  'allow-direct-routing': {
    why: 'set com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected on a network instead',
  },
  'allow-nondistributable-artifacts': { why: 'layers of other places are pulled and never pushed' },
  'api-cors-header': { why: 'there are no CORS headers' },
  'authorization-plugins': { why: 'there are no plugins: limit who may reach the socket' },
  bridge: { why: "the default bridge is of the daemon's own making", isMeant: (value) => value === '' },
  builder: { why: 'the build cache is bounded by `wharf builder prune`' },
  'cdi-spec-dirs': { why: 'there are no CDI devices' },
  containerd: NO_CONTAINERD,
  'containerd-namespace': NO_CONTAINERD,
  'containerd-plugins-namespace': NO_CONTAINERD,
  'containerd-plugin-namespace': NO_CONTAINERD,
  'cpu-rt-period': REALTIME,
  'cpu-rt-runtime': REALTIME,
  'data-root-migration': { why: 'nothing is migrated' },
  'default-runtime-opts': { why: 'runtimes get no options' },
  'exec-opts': {
    why: 'control groups are made in the file system (cgroupfs), not by systemd',
    isMeant: (value) => [value].flat().every((option) => option === 'native.cgroupdriver=cgroupfs'),
  },
  experimental: { why: 'there is nothing experimental', isMeant: always },
  features: { why: 'nothing has to be switched on', isMeant: always },
  'firewall-backend': { why: 'nftables is what is used', isMeant: (value) => value === 'nftables' },
  'ip-forward': { why: 'forwarding is switched on when there is a network', isMeant: isOn },
  'ip-forward-no-drop': { why: "the host's FORWARD policy is never altered", isMeant: always },
  'max-download-attempts': { why: 'downloads that are cut off go on where they were, five times' },
  'metrics-addr': { why: 'there are no metrics' },
  'network-control-plane-mtu': NO_SWARM,
  'node-generic-resources': NO_SWARM,
  'oom-score-adjust': { why: "set it where the daemon is started (systemd's OOMScoreAdjust)" },
  'raw-logs': { why: 'log lines are plain without a terminal', isMeant: always },
  rootless: { why: 'the daemon runs as root', isMeant: isOff },
  'selinux-enabled': { why: 'containers get no SELinux labels', isMeant: isOff },
  'storage-driver': {
    why: 'overlayfs is what is used',
    isMeant: (value) => ['overlay2', 'overlay', 'overlayfs'].includes(String(value)),
  },
  'storage-opt': STORAGE_OPTIONS,
  'storage-opts': STORAGE_OPTIONS,
  'swarm-default-advertise-addr': NO_SWARM,
  'userland-proxy': { why: 'the kernel forwards; only for [::1] there is a relay', isMeant: always },
  'userland-proxy-path': { why: 'there is no such program', isMeant: always },
  validate: { why: 'a file is checked at each start', isMeant: always },
};

/** All names, for flags and keys. */
export const DOCKER_ONLY_NAMES: readonly string[] = Object.keys(DOCKER_ONLY);

/** What is to be said of a setting of dockerd's; `undefined`: nothing, it asks for what happens anyway. */
export function ignoredBecause(name: string, value: unknown): string | undefined {
  const entry = DOCKER_ONLY[name];
  if (entry === undefined || entry.isMeant?.(value) === true) return undefined;
  return `${name}: ${entry.why}`;
}
