import { readFileSync, readdirSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, release } from 'node:os';

/** What this machine is, as `GET /info` and `GET /version` tell it. Read anew at each call: it is cheap and may change. */
export interface Host {
  readonly kernelVersion: string;
  /** `Debian GNU/Linux 12 (bookworm)`. */
  readonly operatingSystem: string;
  readonly osVersion: string;
  /** As `uname -m` says it. */
  readonly machine: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ipForwarding: boolean;
}

const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7l', ia32: 'i686' };

export function readHost(): Host {
  const os = osRelease();
  const memory = /^MemTotal:\s+(\d+) kB/m.exec(textOf('/proc/meminfo'))?.[1] ?? '0';
  return {
    kernelVersion: release(),
    operatingSystem: os['PRETTY_NAME'] ?? 'Linux',
    osVersion: os['VERSION_ID'] ?? '',
    machine: MACHINES[arch()] ?? arch(),
    cpus: availableParallelism(),
    memoryBytes: Number(memory) * 1024,
    ipForwarding: textOf('/proc/sys/net/ipv4/ip_forward').trim() === '1',
  };
}

/** Magic numbers of statfs(2), with the names that Docker gives. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'extfs',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
};

/** The file system that a directory is on. */
export function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`;
}

/** Open file descriptors of this process. */
export function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}

function osRelease(): Record<string, string> {
  const text = textOf('/etc/os-release') || textOf('/usr/lib/os-release');
  const pairs = text.split('\n').map((line) => /^([A-Z0-9_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line));
  return Object.fromEntries(pairs.flatMap((m) => (m?.[1] === undefined ? [] : [[m[1], m[2] ?? m[3] ?? m[4] ?? '']])));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
