import { readFileSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { Ulimit } from '../../core/wire/container.ts';
import { isOddCgroupParent } from '../../core/ulimits.ts';
import { badOption } from './errors.ts';
import { oneOf, type SettingSource } from './setting-source.ts';
import type { Settings } from './settings.ts';

/** What containers get that say nothing else. */
export const CONTAINER_SOURCES: readonly SettingSource<keyof Settings>[] = [
  {
    setting: 'logDriver',
    flag: 'log-driver',
    key: 'log-driver',
    kind: 'text',
    argument: 'name',
    help: 'where output of containers is recorded: journald, json-file, local, none or syslog',
    convert: oneOf('log-driver', ['journald', 'json-file', 'local', 'none', 'syslog']),
  },
  {
    setting: 'logOptions',
    flag: 'log-opt',
    key: 'log-opts',
    kind: 'texts',
    argument: 'name=value',
    help: 'option of the log driver, e.g. max-size=10m',
    convert: pairs('log-opt'),
  },
  {
    setting: 'ulimits',
    flag: 'default-ulimit',
    key: 'default-ulimits',
    kind: 'texts',
    argument: 'name=soft[:hard]',
    help: 'limit of the processes of containers',
    convert: ulimits,
  },
  {
    setting: 'init',
    flag: 'init',
    key: 'init',
    kind: 'flag',
    help: 'run an init in containers',
  },
  {
    setting: 'shmSizeBytes',
    flag: 'default-shm-size',
    key: 'default-shm-size',
    kind: 'text',
    argument: 'size',
    help: 'size of /dev/shm (default: 64m)',
    convert: size,
  },
  {
    setting: 'ipcMode',
    flag: 'default-ipc-mode',
    key: 'default-ipc-mode',
    kind: 'text',
    argument: 'mode',
    help: 'private or shareable',
    convert: oneOf('default-ipc-mode', ['private', 'shareable']),
  },
  {
    setting: 'cgroupns',
    flag: 'default-cgroupns-mode',
    key: 'default-cgroupns-mode',
    kind: 'text',
    argument: 'mode',
    help: 'private or host',
    convert: oneOf('default-cgroupns-mode', ['private', 'host']),
  },
  {
    setting: 'usernsRemap',
    flag: 'userns-remap',
    key: 'userns-remap',
    kind: 'text',
    argument: 'default|user[:group]',
    help: 'users of containers are others on the host: the subordinate IDs of this user and group',
  },
  {
    setting: 'noNewPrivileges',
    flag: 'no-new-privileges',
    key: 'no-new-privileges',
    kind: 'flag',
    help: 'programs in containers gain no privileges by setuid and the like',
  },
  {
    setting: 'seccompProfile',
    flag: 'seccomp-profile',
    key: 'seccomp-profile',
    kind: 'text',
    argument: 'file',
    help: 'system calls that containers may use: builtin, unconfined, or a profile in JSON',
    convert: seccompProfile,
  },
  { setting: 'dns', flag: 'dns', key: 'dns', kind: 'texts', argument: 'address', help: 'name server of containers' },
  {
    setting: 'dnsOptions',
    flag: 'dns-opt',
    key: 'dns-opts',
    kind: 'texts',
    argument: 'option',
    help: 'option for resolv.conf of containers',
  },
  {
    setting: 'dnsSearch',
    flag: 'dns-search',
    key: 'dns-search',
    kind: 'texts',
    argument: 'domain',
    help: 'search domain of containers',
  },
  {
    setting: 'cgroupParent',
    flag: 'cgroup-parent',
    key: 'cgroup-parent',
    kind: 'text',
    argument: 'path',
    help: "control group that containers' are made below (default: one of the daemon's own)",
    convert: cgroupParent,
  },
];

function cgroupParent(value: unknown): string {
  if (typeof value === 'string' && !isOddCgroupParent(value)) return value;
  throw badOption({
    message: `invalid cgroup-parent ${JSON.stringify(value)}: the path of a control group is expected`,
  });
}

/** The profile itself, once it can be read. */
function seccompProfile(value: unknown): string {
  if (value === '' || value === 'builtin') return 'builtin';
  if (value === 'unconfined') return value;
  const file = String(value);
  const refuse = (reason: string, cause?: unknown) =>
    badOption({ message: `invalid seccomp-profile ${file}: ${reason}` }, { cause });
  let text: string;
  let profile: unknown;
  try {
    text = readFileSync(file, 'utf8');
    profile = JSON.parse(text);
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
  if (typeof (profile as { defaultAction?: unknown } | null)?.defaultAction !== 'string')
    throw refuse('it has no defaultAction');
  return text;
}

/** `name=value` each, or an object of the file. */
function pairs(name: string): (value: unknown) => Record<string, string> {
  return (value) => {
    const entries: [string, unknown][] = Array.isArray(value)
      ? value.map((text) => splitPair(String(text)))
      : Object.entries(Object(value));
    for (const [key, of] of entries)
      if (key === '' || typeof of !== 'string')
        throw badOption({ message: `invalid ${name} ${JSON.stringify(value)}: name=value is expected` });
    return Object.fromEntries(entries) as Record<string, string>;
  };
}

function splitPair(text: string): [string, unknown] {
  const at = text.indexOf('=');
  return at < 0 ? ['', undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** `nofile=1024:2048` each, or Docker's form of the file: `{"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}`. */
function ulimits(value: unknown): Ulimit[] {
  const items: unknown[] = Array.isArray(value)
    ? value.map((text: unknown) => {
        const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(String(text));
        return match && { Name: match[1], Soft: Number(match[2]), Hard: Number(match[3] ?? match[2]) };
      })
    : Object.entries(Object(value)).map(([Name, limit]) => ({ Name, ...Object(limit) }));
  return items.map((item) => {
    const { Name, Soft, Hard = Soft } = (item ?? {}) as Partial<Ulimit>;
    if (typeof Name !== 'string' || !Number.isInteger(Soft) || !Number.isInteger(Hard))
      throw badOption({ message: `invalid default-ulimit ${JSON.stringify(value)}: name=soft[:hard] is expected` });
    return { Name, Soft: Soft ?? 0, Hard: Hard ?? 0 };
  });
}

/** Bytes of `64m`, `1g`, `1048576`. */
function size(value: unknown): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?i?b?$/i.exec(String(value));
  if (match === null)
    throw badOption({ message: `invalid default-shm-size ${JSON.stringify(value)}: 64m is an example` });
  return Math.floor(Number(match[1]) * 1024 ** ('kmgt'.indexOf((match[2] ?? '').toLowerCase() || '?') + 1));
}
