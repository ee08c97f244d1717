import { cpus } from 'node:os';
import { invalidParameter } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig, RestartPolicy } from '../../core/wire/container.ts';
import { stateConflict } from '../errors.ts';
import { parseSignal } from './signals.ts';

const MIB = 1024 * 1024;
const bad = (message: string) => invalidParameter({ message });

/** What Docker refuses when a container is created. @throws {WharfError} `INVALID_PARAMETER` */
export function checkConfig(config: ContainerConfig): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw bad(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  for (const entry of config.Env ?? []) {
    if (entry === '' || entry.startsWith('=')) throw bad(`invalid environment variable: ${entry}`);
  }
  if (config.StopSignal && parseSignal(config.StopSignal) === undefined) {
    throw bad(`invalid signal: ${config.StopSignal}`);
  }
  const health = config.Healthcheck;
  if (health === undefined) return;
  const kind = health.Test?.[0];
  if (kind !== undefined && kind !== '' && !['NONE', 'CMD', 'CMD-SHELL'].includes(kind)) {
    throw bad(`Unknown healthcheck type '${kind}' (expected 'CMD')`);
  }
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = health[field] ?? 0;
    if (value !== 0 && value < 1_000_000) throw bad(`${field} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw bad('Retries in Healthcheck cannot be negative');
}

/** @throws {WharfError} `INVALID_PARAMETER` */
export function checkHostConfig(host: HostConfig, config: ContainerConfig): void {
  checkRestartPolicy(host.RestartPolicy);
  const policy = host.RestartPolicy?.Name ?? '';
  if (host.AutoRemove && policy !== '' && policy !== 'no') {
    throw bad("can't create 'AutoRemove' container with restart policy");
  }
  checkResources(host);
  checkNetworkMode(host, config);
  for (const [field, names] of [
    ['CapAdd', host.CapAdd],
    ['CapDrop', host.CapDrop],
  ] as const) {
    for (const name of names ?? []) {
      if (!CAPABILITIES.has(normalCapability(name))) throw bad(`invalid ${field}: unknown capability: "${name}"`);
    }
  }
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000) {
    throw bad(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  if ((host.ShmSize ?? 0) < 0) throw bad('SHM size can not be less than 0');
  for (const entry of host.ExtraHosts ?? []) {
    if (!/^[^:=]+[:=].+$/.test(entry)) throw bad(`bad format for add-host: "${entry}"`);
  }
  for (const option of host.SecurityOpt ?? []) checkSecurityOpt(option);
}

/** @throws {WharfError} `INVALID_PARAMETER` */
function checkRestartPolicy(policy: RestartPolicy | undefined): void {
  const name = policy?.Name ?? '';
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(name)) {
    throw bad(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  const retries = policy?.MaximumRetryCount ?? 0;
  if (retries < 0) throw bad('invalid restart policy: maximum retry count cannot be negative');
  if (retries > 0 && name !== 'on-failure') {
    throw bad("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
}

/** Limits of processor and memory. @throws {WharfError} `INVALID_PARAMETER` */
export function checkResources(host: HostConfig): void {
  const memory = host.Memory ?? 0;
  const swap = host.MemorySwap ?? 0;
  const reservation = host.MemoryReservation ?? 0;
  if (memory !== 0 && memory < 6 * MIB) throw bad('Minimum memory limit allowed is 6MB');
  if (swap > 0 && memory === 0) {
    throw bad('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (memory > 0 && swap > 0 && swap < memory) {
    throw bad('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (reservation !== 0 && reservation < 6 * MIB) throw bad('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && reservation > memory) {
    throw bad('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  const swappiness = host.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw bad(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  const nano = host.NanoCpus ?? 0;
  if (nano !== 0) {
    if (host.CpuPeriod) throw bad('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (host.CpuQuota) throw bad('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    const available = cpus().length;
    if (nano < 1e7 || nano > available * 1e9) {
      throw bad(`range of CPUs is from 0.01 to ${available.toFixed(2)}, as there are only ${available} CPUs available`);
    }
  }
  const period = host.CpuPeriod ?? 0;
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw bad('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  const quota = host.CpuQuota ?? 0;
  if (quota > 0 && quota < 1000) throw bad('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if ((host.BlkioWeight ?? 0) !== 0 && ((host.BlkioWeight ?? 0) < 10 || (host.BlkioWeight ?? 0) > 1000)) {
    throw bad('Range of blkio weight is from 10 to 1000');
  }
  for (const limit of host.Ulimits ?? []) {
    if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
      throw bad(`ulimit soft limit must be less than or equal to hard limit: ${limit.Soft} > ${limit.Hard}`);
    }
  }
}

function checkNetworkMode(host: HostConfig, config: ContainerConfig): void {
  const mode = host.NetworkMode ?? '';
  const hasLinks = (host.Links?.length ?? 0) > 0;
  if (mode === 'host' && hasLinks) {
    throw bad(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  if (!mode.startsWith('container:')) return;
  if (mode === 'container:') throw bad('invalid container format container:<name|id>');
  const conflict = (what: string) => bad(`conflicting options: ${what}`);
  if (hasLinks) {
    throw conflict("container type network can't be used with links. This would result in undefined behavior");
  }
  if (config.Hostname) throw conflict('hostname and the network mode');
  if (host.Dns?.length) throw conflict('dns and the network mode');
  if (host.ExtraHosts?.length) throw conflict('custom host-to-IP mapping and the network mode');
  if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts) {
    throw conflict('port publishing and the container type network mode');
  }
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) {
    throw conflict('port exposing and the container type network mode');
  }
}

function checkSecurityOpt(option: string): void {
  const [key, value] = splitOnce(option, /[=:]/);
  const known = ['no-new-privileges', 'seccomp', 'apparmor', 'label', 'systempaths', 'writable-cgroups'];
  if (!known.includes(key)) throw bad(`invalid --security-opt 2: "${option}"`);
  if (key === 'no-new-privileges' && !['', 'true', 'false'].includes(value)) {
    throw bad(`invalid --security-opt 2: "${option}"`);
  }
  if (key === 'seccomp' && !['unconfined', 'builtin', ''].includes(value)) {
    try {
      JSON.parse(value);
    } catch (cause) {
      throw invalidParameter({ message: `Decoding seccomp profile failed: ${String(cause)}` }, { cause });
    }
  }
}

/** The two halves of `key=value` or `key:value`. */
export function splitOnce(text: string, separator: RegExp): [string, string] {
  const at = text.search(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** `CAP_NET_ADMIN` for any spelling of it; `ALL` stays. */
export function normalCapability(name: string): string {
  const upper = name.toUpperCase();
  return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

/** Restart policy of a container that removes itself cannot be changed. @throws {WharfError} `STATE_CONFLICT` */
export function checkPolicyUpdate(host: HostConfig, policy: RestartPolicy | undefined): void {
  if (policy === undefined || policy.Name === '') return;
  checkRestartPolicy(policy);
  if (host.AutoRemove && policy.Name !== 'no') {
    throw stateConflict({
      message: 'Restart policy cannot be updated because AutoRemove is enabled for the container',
    });
  }
}

/** capabilities(7), Linux 6.x. */
const CAPABILITIES = new Set(
  'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
    .split(' ')
    .map((name) => normalCapability(name)),
);
