import { isIP } from 'node:net';

/** Checks of what options of `run` and `create` take; each throws an {Error} in docker's words. */

/** `-a` */
export function checkStream(text: string): void {
  if (!['stdin', 'stdout', 'stderr'].includes(text.toLowerCase())) {
    throw new Error('valid streams are STDIN, STDOUT and STDERR');
  }
}

/** `--add-host` */
export function checkExtraHost(text: string): void {
  extraHost(text);
}

/** `host:ip` and `host=ip` for the API's `host:ip`; the address may be `host-gateway`. */
export function extraHost(text: string): string {
  const m = /^([^:=]+)[:=](.+)$/.exec(text);
  if (m === null) throw new Error(`bad format for add-host: "${text}"`);
  const address = (m[2] ?? '').replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && isIP(address) === 0) {
    throw new Error(`invalid IP address in add-host: "${address}"`);
  }
  return `${m[1]}:${address}`;
}

/** `--dns` */
export function checkDns(text: string): void {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
}

/** `--dns-search`; `.` is for none at all. */
export function checkDnsSearch(text: string): void {
  if (text.trim() === '.') return;
  const label = '[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?';
  const domain = text.trim();
  if (domain.length > 254 || !new RegExp(`^${label}(\\.${label})*\\.?$`).test(domain) || !/[a-zA-Z]/.test(domain)) {
    throw new Error(`${text} is not a valid domain`);
  }
}

/** `--device-cgroup-rule` */
export function checkDeviceRule(text: string): void {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text))
    throw new Error(`invalid device cgroup format '${text}'`);
}

/** `--link` */
export function checkLink(text: string): void {
  if (text === '') throw new Error('empty string specified for links');
  if (text.split(':').length > 2) throw new Error(`bad format for links: ${text}`);
}

const SYSCTLS = ['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall'];
const MORE_SYSCTLS = ['kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced'];

/** `--sysctl`: those that a namespace has of its own. */
export function checkSysctl(text: string): void {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0));
  const own = [...SYSCTLS, ...MORE_SYSCTLS].includes(name) || /^(net|fs\.mqueue)\./.test(name);
  if (!own) throw new Error(`sysctl '${text}' is not allowed`);
}

const MODES = [
  ['pid', /^(|host|container:.+)$/, 'PID'],
  ['uts', /^(|host)$/, 'UTS'],
  ['userns', /^(|host)$/, 'USER'],
  ['cgroupns', /^(|host|private)$/, 'CGROUP'],
] as const;

/** `--pid`, `--uts`, `--userns`, `--cgroupns` */
export function checkModes(flags: { readonly [K in (typeof MODES)[number][0]]: string | undefined }): void {
  for (const [name, valid, shown] of MODES) {
    if (!valid.test(flags[name] ?? '')) throw new Error(`--${name}: invalid ${shown} mode`);
  }
}
