import { invalidParameter, messageOf } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig, RestartPolicy } from '../../core/wire/container.ts';
import { isOddCgroupParent, ulimitFault } from '../../core/ulimits.ts';
import { requestFailed, stateConflict } from '../errors.ts';
import { parseSignal } from './signals.ts';

const bad = (message: string) => invalidParameter({ message });

/** What Docker refuses when a container is created. @throws {WharfError} `INVALID_PARAMETER` */
export function checkConfig(config: ContainerConfig): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw bad(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
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

/** As asked for: merged, an odd one would be gone. @throws {WharfError} `INVALID_PARAMETER` */
export function checkEnvironment(entries: readonly string[]): void {
  for (const entry of entries) {
    if (entry === '' || entry.startsWith('=')) throw bad(`invalid environment variable: ${entry}`);
  }
}

/** @throws {WharfError} `INVALID_PARAMETER` */
export function checkHostConfig(host: HostConfig, config: ContainerConfig): void {
  checkRestartPolicy(host.RestartPolicy);
  const policy = host.RestartPolicy?.Name ?? '';
  if (host.AutoRemove && policy !== '' && policy !== 'no') {
    throw bad("can't create 'AutoRemove' container with restart policy");
  }
  checkUlimits(host);
  checkNamespaces(host);
  checkSysctls(host);
  checkDevices(host);
  if (Object.keys(host.StorageOpt ?? {}).length > 0) {
    throw requestFailed({
      message: "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    });
  }
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
  checkPaths(host);
  if (Object.hasOwn(host.Annotations ?? {}, '')) {
    throw bad('invalid Annotations: the empty string is not permitted as an annotation key');
  }
  if ((host.ConsoleSize ?? []).some((n) => n < 0 || n > 0xffff)) {
    throw bad(`invalid console size: ${host.ConsoleSize?.join('x')}`);
  }
  if ((host.ShmSize ?? 0) < 0) throw bad('SHM size can not be less than 0');
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

function checkUlimits(host: HostConfig): void {
  for (const limit of host.Ulimits ?? []) {
    const fault = ulimitFault(limit);
    if (fault !== undefined) throw bad(fault);
  }
}

/** What namespaces may be: the container's own, the host's, or those of another container. */
function checkNamespaces(host: HostConfig): void {
  const joins = (mode: string) => /^container:.+$/.test(mode);
  const { PidMode = '', IpcMode = '', UTSMode = '', UsernsMode = '', CgroupnsMode = '', Isolation = '' } = host;
  if (PidMode === 'container:' || (PidMode !== '' && PidMode !== 'host' && !joins(PidMode))) {
    throw bad(`invalid PID mode: ${PidMode}`);
  }
  if (!['', 'none', 'private', 'shareable', 'host'].includes(IpcMode) && !joins(IpcMode)) {
    throw bad(`invalid IPC mode: ${IpcMode}`);
  }
  if (UTSMode !== '' && UTSMode !== 'host') throw bad(`invalid UTS mode: ${UTSMode}`);
  if (UsernsMode !== '' && UsernsMode !== 'host') {
    throw invalidParameter(
      { message: `invalid user namespace mode: ${UsernsMode}` },
      { hint: 'leave --userns out, or give host; who they are on the host is set for all by userns-remap' },
    );
  }
  if (!['', 'private', 'host'].includes(CgroupnsMode)) throw bad(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  if (Isolation !== '' && Isolation !== 'default')
    throw bad(`Invalid isolation: ${JSON.stringify(Isolation)} - linux only supports 'default'`);
}

/** Paths in the container, and in the tree of cgroups. */
function checkPaths(host: HostConfig): void {
  for (const [field, paths] of [
    ['MaskedPaths', host.MaskedPaths],
    ['ReadonlyPaths', host.ReadonlyPaths],
  ] as const) {
    for (const path of paths ?? []) {
      if (!path.startsWith('/') || path.split('/').includes('..')) throw bad(`invalid path in ${field}: '${path}'`);
    }
  }
  const parent = host.CgroupParent ?? '';
  if (isOddCgroupParent(parent)) throw bad(`invalid cgroup parent: ${JSON.stringify(parent.slice(0, 100))}`);
}

function checkSysctls(host: HostConfig): void {
  const hostIpc = host.IpcMode === 'host';
  for (const name of Object.keys(host.Sysctls ?? {})) {
    if (name.startsWith('net.')) {
      if (host.NetworkMode === 'host') throw bad(`sysctl "${name}" not allowed in host network namespace`);
    } else if (/^(kernel\.(msg(max|mnb|mni)|sem|shm(all|max|mni|_rmid_forced))|fs\.mqueue\..+)$/.test(name)) {
      if (hostIpc) throw bad(`sysctl "${name}" not allowed in host ipc namespace`);
    } else if (name === 'kernel.domainname') {
      if (host.UTSMode === 'host') throw bad(`sysctl "${name}" not allowed in host UTS namespace`);
    } else {
      throw bad(`sysctl "${name}" is not in a separate kernel namespace`);
    }
  }
}

function checkDevices(host: HostConfig): void {
  for (const rule of host.DeviceCgroupRules ?? []) {
    if (!/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(rule)) {
      throw bad(`invalid device cgroup rule format: '${rule}'`);
    }
  }
  for (const { CgroupPermissions, PathOnHost } of host.Devices ?? []) {
    if (CgroupPermissions && !/^[rwm]{1,3}$/.test(CgroupPermissions)) {
      throw bad(`invalid device mode: ${CgroupPermissions}`);
    }
    if (!PathOnHost.startsWith('/')) throw bad(`invalid device path: ${JSON.stringify(PathOnHost)}`);
  }
}

function checkNetworkMode(host: HostConfig, config: ContainerConfig): void {
  const mode = host.NetworkMode ?? '';
  if (host.UTSMode === 'host' && config.Hostname) throw bad('conflicting options: hostname and the UTS mode');
  const hasLinks = (host.Links?.length ?? 0) > 0;
  if (mode === 'host' && hasLinks) {
    throw bad(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  if (!mode.startsWith('container:')) return;
  if (mode === 'container:') throw bad('Invalid network mode: invalid container format container:<name|id>');
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
  if (!/[=:]/.test(option) && key !== 'no-new-privileges') throw bad(`invalid --security-opt 1: "${option}"`);
  if (!known.includes(key)) throw bad(`invalid --security-opt 2: "${option}"`);
  if (key === 'no-new-privileges' && !['', 'true', 'false'].includes(value)) {
    throw bad(`invalid --security-opt 2: "${option}"`);
  }
  if (key === 'seccomp' && !['unconfined', 'builtin', ''].includes(value)) {
    try {
      JSON.parse(value);
    } catch (cause) {
      throw invalidParameter({ message: `Decoding seccomp profile failed: ${messageOf(cause)}` }, { cause });
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
