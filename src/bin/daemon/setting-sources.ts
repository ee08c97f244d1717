import { CONTAINER_SOURCES } from './container-settings.ts';
import { badOption } from './errors.ts';
import { NETWORK_SOURCES } from './network-settings.ts';
import { oneOf, type SettingSource, wholeNumber } from './setting-source.ts';
import { type AddressPool, DEFAULTS, LOG_FORMATS, LOG_LEVELS, type Settings } from './settings.ts';
import { parseMirror } from '../../registry/index.ts';
import { TLS_SOURCES } from './tls-settings.ts';

/** Everything that can be set, by flag or in the configuration file. */
export const SOURCES: readonly SettingSource<keyof Settings>[] = [
  {
    setting: 'hosts',
    flag: 'host',
    key: 'hosts',
    kind: 'texts',
    short: 'H',
    argument: 'address',
    help: 'where to listen: unix:///path or tcp://address:port',
  },
  {
    setting: 'dataRoot',
    flag: 'data-root',
    key: 'data-root',
    kind: 'text',
    argument: 'dir',
    help: 'what is kept: images, containers, volumes',
  },
  {
    setting: 'execRoot',
    flag: 'exec-root',
    key: 'exec-root',
    kind: 'text',
    argument: 'dir',
    help: 'what lives as long as the machine runs',
  },
  {
    setting: 'group',
    flag: 'group',
    key: 'group',
    kind: 'text',
    short: 'G',
    argument: 'name',
    help: 'group that may use the unix socket',
  },
  {
    setting: 'defaultRuntime',
    flag: 'default-runtime',
    key: 'default-runtime',
    kind: 'text',
    argument: 'name',
    help: 'OCI runtime (default: the first of crun and runc that works)',
  },
  {
    setting: 'runtimes',
    flag: 'add-runtime',
    key: 'runtimes',
    kind: 'texts',
    argument: 'name=path',
    help: 'another OCI runtime',
    convert: runtimes,
  },
  {
    setting: 'insecureRegistries',
    flag: 'insecure-registry',
    key: 'insecure-registries',
    kind: 'texts',
    argument: 'host',
    help: 'registry that may be spoken to without TLS',
  },
  {
    setting: 'registryMirrors',
    flag: 'registry-mirror',
    key: 'registry-mirrors',
    kind: 'texts',
    argument: '[registry=]url',
    help: 'where to look first for images of docker.io, or of another registry',
    convert: mirrors,
  },
  transfers('maxConcurrentDownloads', 'max-concurrent-downloads', 'layers of one image that are pulled at a time'),
  transfers('maxConcurrentUploads', 'max-concurrent-uploads', 'layers of one image that are pushed at a time'),
  {
    setting: 'addressPools',
    flag: 'default-address-pool',
    key: 'default-address-pools',
    kind: 'texts',
    argument: 'base=CIDR,size=N',
    help: 'where networks without a subnet get theirs',
    convert: addressPools,
  },
  ...NETWORK_SOURCES,
  {
    setting: 'labels',
    flag: 'label',
    key: 'labels',
    kind: 'texts',
    argument: 'key=value',
    help: 'label of this daemon',
  },
  {
    setting: 'liveRestore',
    flag: 'live-restore',
    key: 'live-restore',
    kind: 'flag',
    help: 'leave containers running when the daemon stops',
  },
  ...CONTAINER_SOURCES,
  ...TLS_SOURCES,
  proxy('httpProxy', 'http-proxy', 'for what is fetched by http'),
  proxy('httpsProxy', 'https-proxy', 'for what is fetched by https'),
  proxy('noProxy', 'no-proxy', 'hosts that are asked directly, with commas between them'),
  {
    setting: 'pidFile',
    flag: 'pidfile',
    key: 'pidfile',
    kind: 'text',
    short: 'p',
    argument: 'path',
    help: "file for the daemon's process ID",
  },
  {
    setting: 'shutdownTimeoutSeconds',
    flag: 'shutdown-timeout',
    key: 'shutdown-timeout',
    kind: 'text',
    argument: 'seconds',
    help: 'how long containers may take to stop with the daemon (default: 15; -1: for ever)',
    convert: wholeNumber('shutdown-timeout'),
  },
  {
    setting: 'logLevel',
    flag: 'log-level',
    key: 'log-level',
    kind: 'text',
    short: 'l',
    argument: 'level',
    help: LOG_LEVELS.join(', '),
    convert: oneOf('log-level', LOG_LEVELS),
  },
  {
    setting: 'logFormat',
    flag: 'log-format',
    key: 'log-format',
    kind: 'text',
    argument: 'format',
    help: LOG_FORMATS.join(' or '),
    convert: oneOf('log-format', LOG_FORMATS),
  },
];

function proxy(
  setting: 'httpProxy' | 'httpsProxy' | 'noProxy',
  name: string,
  what: string,
): SettingSource<keyof Settings> {
  const help = `proxy of the daemon itself: ${what}`;
  return { setting, flag: name, key: name, kind: 'text', argument: setting === 'noProxy' ? 'hosts' : 'url', help };
}

/** As with dockerd, 0 stands for the default. */
function transfers(
  setting: 'maxConcurrentDownloads' | 'maxConcurrentUploads',
  name: string,
  what: string,
): SettingSource<keyof Settings> {
  const convert = (value: unknown) => {
    const number = wholeNumber(name)(value);
    if (number < 0) throw badOption({ message: `invalid ${name} ${number}: it cannot be negative` });
    return number || DEFAULTS[setting];
  };
  const help = `${what} (default: ${DEFAULTS[setting]})`;
  return { setting, flag: name, key: name, kind: 'text', argument: 'number', help, convert };
}

/** `name=path` each, or Docker's form of the file: `{"name": {"path": "/usr/bin/x"}}`. */
function runtimes(value: unknown): Record<string, string> {
  const pairs = Array.isArray(value)
    ? value.map((text): [string, unknown] => {
        const at = String(text).indexOf('=');
        return [String(text).slice(0, Math.max(at, 0)), String(text).slice(at + 1)];
      })
    : Object.entries(Object(value)).map(([name, v]): [string, unknown] => [
        name,
        (v as { path?: unknown } | null)?.path,
      ]);
  for (const [name, path] of pairs)
    if (name === '' || typeof path !== 'string' || path === '')
      throw badOption({ message: `invalid runtime "${name}": name=path is expected` });
  return Object.fromEntries(pairs as [string, string][]);
}

/** As they were given, once all of them can be read. */
function mirrors(value: unknown): unknown {
  for (const text of Array.isArray(value) ? value : [value]) parseMirror(String(text));
  return value;
}

/** `base=10.0.0.0/8,size=24` each, or Docker's form of the file: `[{"base": "10.0.0.0/8", "size": 24}]`. */
function addressPools(value: unknown): AddressPool[] {
  return (Array.isArray(value) ? value : [value]).map((item: unknown) => {
    const fields: Readonly<Record<string, unknown>> =
      typeof item === 'string'
        ? Object.fromEntries(item.split(',').map((part) => part.trim().split('=')))
        : Object(item);
    const { base } = fields;
    const size = Number(fields['size']);
    const prefix =
      typeof base === 'string' ? Number(/^[0-9a-fA-F.:]+\/(\d+)$/.exec(base)?.[1] ?? Number.NaN) : Number.NaN;
    if (typeof base !== 'string' || !Number.isInteger(prefix) || !Number.isInteger(size) || size < prefix)
      throw badOption({
        message: `invalid default-address-pool ${JSON.stringify(item)}: base=CIDR,size=N is expected, N not below the CIDR's prefix`,
      });
    return { base, size };
  });
}
