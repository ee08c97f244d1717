import type { Finding, Machine } from './machine.ts';

const OLDEST_KERNEL = [5, 4] as const;
/** Controllers behind the limits that people set. */
const CONTROLLERS: Readonly<Record<string, string>> = {
  cpu: '--cpus',
  cpuset: '--cpuset-cpus',
  memory: '--memory',
  pids: '--pids-limit',
};
/** crun looks for each v1 controller that the kernel has; this one is often left in the v2 tree. */
const MOUNT_HUGETLB = 'mkdir /sys/fs/cgroup/hugetlb && mount -t cgroup -o hugetlb cgroup /sys/fs/cgroup/hugetlb';

/** Kernel, namespaces, file systems, modules. */
export function kernelFindings(machine: Machine): Finding[] {
  const findings: Finding[] = [];
  const release = machine.read('/proc/sys/kernel/osrelease')?.trim() ?? '';
  const [major = 0, minor = 0] = release.split('.').map((n) => Number.parseInt(n, 10));
  const old = major < OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1]);
  findings.push(
    old
      ? {
          state: 'fail',
          subject: 'kernel',
          text: `Linux ${release} is too old`,
          remedy: `boot Linux ${OLDEST_KERNEL.join('.')} or newer`,
        }
      : { state: 'ok', subject: 'kernel', text: `Linux ${release}` },
  );
  const lacking = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'].filter(
    (n) => !machine.exists(`/proc/self/ns/${n}`),
  );
  if (lacking.length > 0) {
    findings.push({
      state: 'fail',
      subject: 'kernel',
      text: `no namespaces of kind ${lacking.join(', ')}`,
      remedy: 'boot a kernel built with CONFIG_NAMESPACES and its kinds',
    });
  }
  const fileSystems = machine.read('/proc/filesystems') ?? '';
  const loadable = (module: string) => machine.run('modprobe', '-n', module)?.code === 0;
  if (/\boverlay$/m.test(fileSystems)) findings.push({ state: 'ok', subject: 'kernel', text: 'overlayfs' });
  else if (loadable('overlay'))
    findings.push({ state: 'ok', subject: 'kernel', text: 'overlayfs (a module, loaded when needed)' });
  else
    findings.push({
      state: 'fail',
      subject: 'kernel',
      text: 'no overlayfs',
      remedy: 'boot a kernel built with CONFIG_OVERLAY_FS',
    });
  if (!/^Seccomp:/m.test(machine.read('/proc/self/status') ?? '')) {
    findings.push({
      state: 'note',
      subject: 'kernel',
      text: 'no seccomp: containers run without a system-call filter',
      remedy: 'boot a kernel built with CONFIG_SECCOMP_FILTER',
    });
  }
  return findings;
}

export type CgroupLayout = 'v1' | 'hybrid' | 'v2' | 'none';

export interface Cgroups {
  readonly layout: CgroupLayout;
  readonly controllers: ReadonlySet<string>;
  /** Controllers with a v1 hierarchy. */
  readonly legacy: ReadonlySet<string>;
}

/** What the mount table and the v2 tree say. */
export function cgroupsOf(machine: Machine): Cgroups {
  const legacy = new Set<string>();
  let unified: string | undefined;
  for (const line of (machine.read('/proc/self/mounts') ?? '').split('\n')) {
    const [, target = '', type, options = ''] = line.split(' ');
    if (type === 'cgroup2') unified ??= target;
    if (type === 'cgroup') for (const word of options.split(',')) if (/^[a-z_]+$/.test(word)) legacy.add(word);
  }
  for (const word of ['rw', 'ro', 'relatime', 'nosuid', 'nodev', 'noexec', 'noatime', 'xattr']) legacy.delete(word);
  const inTree = unified === undefined ? undefined : machine.read(`${unified}/cgroup.controllers`);
  const modern = inTree?.trim().split(' ').filter(Boolean) ?? [];
  const layout = unified === undefined ? (legacy.size > 0 ? 'v1' : 'none') : legacy.size > 0 ? 'hybrid' : 'v2';
  return { layout, controllers: new Set([...legacy, ...modern]), legacy };
}

export function cgroupFindings(cgroups: Cgroups, machine: Machine): Finding[] {
  const subject = 'cgroups';
  if (cgroups.layout === 'none') {
    return [{ state: 'fail', subject, text: 'not mounted', remedy: 'mount -t cgroup2 none /sys/fs/cgroup' }];
  }
  const names = { v1: 'version 1', hybrid: 'hybrid: version 1 controllers beside a version 2 tree', v2: 'version 2' };
  const findings: Finding[] = [{ state: 'ok', subject, text: names[cgroups.layout] }];
  const missing = Object.keys(CONTROLLERS).filter((c) => !cgroups.controllers.has(c));
  for (const controller of missing) {
    const known = new RegExp(`^${controller}\\s.*\\s0$`, 'm').test(machine.read('/proc/cgroups') ?? '');
    findings.push({
      state: 'note',
      subject,
      text: `no ${controller} controller: ${CONTROLLERS[controller] ?? ''} has no effect`,
      remedy: known
        ? `add cgroup_enable=${controller} to the kernel's command line and boot again`
        : `boot a kernel with the ${controller} controller`,
    });
  }
  return findings;
}

/** The OCI runtimes that are installed; `working` are those that the engine could run a container with, if it was asked. */
export function runtimeFindings(cgroups: Cgroups, working: readonly string[] | undefined, machine: Machine): Finding[] {
  const subject = 'runtimes';
  const findings: Finding[] = [];
  for (const name of ['crun', 'runc']) {
    const version = / version (\S+)/.exec(machine.run(name, '--version')?.out ?? '')?.[1];
    if (version === undefined) continue;
    const lost = cgroups.controllers.has('hugetlb') && !cgroups.legacy.has('hugetlb');
    const hugetlb = name === 'crun' && cgroups.layout === 'hybrid' && lost;
    if (working === undefined ? !hugetlb : working.includes(name)) {
      findings.push({ state: 'ok', subject, text: `${name} ${version}` });
      continue;
    }
    findings.push({
      state: 'note',
      subject,
      text: hugetlb
        ? `${name} ${version} cannot run here: it wants the hugetlb controller as version 1 (runc does without, and is slower)`
        : `${name} ${version} is installed but cannot run a container here`,
      remedy: hugetlb ? `${MOUNT_HUGETLB}   # then start wharfd again` : `see why: wharfd --log-level debug`,
    });
  }
  if (!findings.some((f) => f.state === 'ok')) {
    const text = findings.length === 0 ? 'neither crun nor runc is installed' : 'no runtime works';
    findings.push({
      state: 'fail',
      subject,
      text,
      ...(findings.length === 0 ? { remedy: 'apt-get install crun' } : {}),
    });
  }
  return findings;
}

/** nftables, forwarding, other firewalls, name servers. */
export function networkFindings(machine: Machine): Finding[] {
  const subject = 'network';
  const findings: Finding[] = [];
  const nft = machine.run('nft', '--version');
  if (nft === undefined) {
    findings.push({
      state: 'fail',
      subject,
      text: 'nft is not installed: no published ports, no way out of containers',
      remedy: 'apt-get install nftables',
    });
  } else {
    const lack = nftablesLack(machine);
    const version = /v(\S+)/.exec(nft.out)?.[1] ?? '';
    findings.push(
      lack === undefined
        ? { state: 'ok', subject, text: `nftables ${version}` }
        : { state: 'fail', subject, text: `nft ${version} ${lack.text}`, remedy: lack.remedy },
    );
  }
  const forwarding = machine.read('/proc/sys/net/ipv4/ip_forward')?.trim();
  if (forwarding === '0') {
    findings.push({
      state: 'fail',
      subject,
      text: 'IPv4 forwarding is off: containers reach nothing outside',
      remedy: 'sysctl -w net.ipv4.ip_forward=1   # in /etc/sysctl.d/ to keep it',
    });
  } else findings.push({ state: 'ok', subject, text: 'IPv4 forwarding' });
  if (!machine.exists('/proc/sys/net/ipv6'))
    findings.push({ state: 'note', subject, text: 'no IPv6 in this kernel: networks are IPv4 only' });
  for (const family of ['ip', 'inet']) {
    const chain = machine.run('nft', 'list', 'chain', family, 'filter', 'FORWARD');
    if (chain?.code !== 0 || !/policy drop/.test(chain.out)) continue;
    findings.push({
      state: 'note',
      subject,
      text: `another firewall (table ${family} filter) drops forwarded traffic unless told otherwise`,
      remedy: 'iptables -P FORWARD ACCEPT   # or accept the bridges of wharf there',
    });
  }
  const servers = [...(machine.read('/etc/resolv.conf') ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map(
    (m) => m[1] ?? '',
  );
  if (servers.length === 0) {
    findings.push({
      state: 'note',
      subject,
      text: '/etc/resolv.conf names no server: containers resolve no names of the world',
      remedy: 'echo "nameserver 9.9.9.9" >> /etc/resolv.conf',
    });
  } else findings.push({ state: 'ok', subject, text: `name servers ${servers.join(', ')}` });
  return findings;
}

/** What the kernel's nftables lacks of that on which published ports and the way out stand; nobody but root is told. */
function nftablesLack(machine: Machine): { readonly text: string; readonly remedy: string } | undefined {
  const denied = (out: string): boolean => /not permitted|permission denied/i.test(out);
  const listed = machine.run('nft', 'list', 'tables');
  if (listed?.code !== 0 && !denied(listed?.out ?? '')) {
    const remedy = 'modprobe nf_tables   # or boot a kernel built with CONFIG_NF_TABLES';
    return { text: "cannot reach the kernel's tables", remedy };
  }
  const families = machine.exists('/proc/sys/net/ipv6') ? ['ip', 'ip6'] : ['ip'];
  for (const family of families) {
    // Only checked, by the kernel as well: nothing is added.
    const tried = machine.run('nft', '--check', natProbe(family));
    if (tried?.code === 0 || denied(tried?.out ?? '')) continue;
    const version = family === 'ip' ? 'IPv4' : 'IPv6';
    const options = `CONFIG_NF_TABLES_${version.toUpperCase()}, CONFIG_NFT_NAT, CONFIG_NFT_MASQ`;
    return {
      text: `finds no address translation for ${version} in this kernel: no published ports, no way out of containers`,
      remedy: `boot a kernel built with ${options}`,
    };
  }
  return undefined;
}

/** What a network's rules begin with. */
export function natProbe(family: string): string {
  return `table ${family} wharf-doctor { chain nat { type nat hook postrouting priority 100; masquerade; }; }`;
}

/** Whether the clock may be trusted: a wrong one breaks TLS and logins long before anybody thinks of it. */
export function clockFindings(machine: Machine, engineTime: Date | undefined): Finding[] {
  const subject = 'clock';
  const now = machine.now();
  if (engineTime !== undefined) {
    const apart = Math.round(Math.abs(engineTime.getTime() - now.getTime()) / 1000);
    if (apart > 5) {
      return [
        {
          state: 'fail',
          subject,
          text: `the engine's clock and ours are ${apart} s apart`,
          remedy: 'set both by NTP: timedatectl set-ntp true',
        },
      ];
    }
  }
  const synchronised = machine.run('timedatectl', 'show', '-p', 'NTPSynchronized', '--value');
  if (synchronised?.code === 0 && synchronised.out.trim() === 'no') {
    return [
      { state: 'note', subject, text: `${now.toISOString()}, not synchronised`, remedy: 'timedatectl set-ntp true' },
    ];
  }
  return [{ state: 'ok', subject, text: now.toISOString() }];
}
