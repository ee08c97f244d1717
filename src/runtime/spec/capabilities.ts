import { readFileSync } from 'node:fs';
import { invalidParameter } from '../../core/errors.ts';

/** In the kernel's order: the position is the number (linux/capability.h). */
const ALL = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** What Docker gives unless told otherwise. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
].map((name) => `CAP_${name}`);

/** Those that this process may hand on at all: its bounding set. */
export function hostCapabilities(): string[] {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'}`);
  return ALL.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

/**
 * The set after `--cap-add` and `--cap-drop`: names with or without `CAP_`, in any case, or `ALL`. Adding wins over dropping
 * unless `ALL` is added.
 * @throws {WharfError} `INVALID_PARAMETER` for a name that does not exist
 */
export function chooseCapabilities(
  privileged: boolean,
  add: readonly string[],
  drop: readonly string[],
  available: readonly string[] = hostCapabilities(),
): string[] {
  if (privileged) return [...available];
  const adds = add.map((name) => normalise(name, 'add'));
  const drops = drop.map((name) => normalise(name, 'drop'));
  const chosen = adds.includes('ALL') ? available : drops.includes('ALL') ? [] : DEFAULT_CAPABILITIES;
  const kept = chosen.filter((name) => !drops.includes(name));
  for (const name of adds) {
    if (name !== 'ALL' && !kept.includes(name) && !(adds.includes('ALL') && drops.includes(name))) kept.push(name);
  }
  return kept;
}

function normalise(name: string, action: 'add' | 'drop'): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!ALL.includes(full)) throw invalidParameter({ message: `invalid capability to ${action}: "${name}"` });
  return full;
}
