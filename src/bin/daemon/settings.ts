import type { Ulimit } from '../../core/wire/container.ts';

/** What can be set, by flag or in the configuration file. */
export interface Settings {
  readonly hosts: readonly string[];
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly group: string;
  /** Undefined: the first one that works. */
  readonly defaultRuntime: string | undefined;
  readonly runtimes: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly addressPools: readonly AddressPool[];
  /** CIDR with the gateway's address. */
  readonly bip: string | undefined;
  readonly labels: readonly string[];
  readonly liveRestore: boolean;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly ulimits: readonly Ulimit[];
  readonly init: boolean;
  readonly shmSizeBytes: number;
  readonly ipcMode: 'private' | 'shareable';
  readonly cgroupns: 'private' | 'host' | undefined;
  readonly noNewPrivileges: boolean;
  /** Whose subordinate IDs containers get: `default`, `USER`, `UID`, `USER:GROUP`; `undefined`: none. */
  readonly usernsRemap: string | undefined;
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  /** Negative: for ever. */
  readonly shutdownTimeoutSeconds: number;
  readonly pidFile: string | undefined;
  /** `undefined`: nothing was said, which refuses plain TCP beyond this machine; `false` allows it. */
  readonly tls: boolean | undefined;
  /** Clients must show a certificate of the authority. */
  readonly tlsVerify: boolean | undefined;
  readonly tlsCaCert: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Keys of the file that dockerd would obey and that mean nothing here. */
  readonly ignoredKeys: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
}
export interface AddressPool {
  readonly base: string;
  /** Prefix length of each network taken from it. */
  readonly size: number;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export const LOG_FORMATS = ['text', 'json'] as const;
export const DEFAULT_CONFIG_FILE = '/etc/wharf/daemon.json';

/** Docker's: networks that users may meet in examples, then smaller ones. */
const POOLS: readonly AddressPool[] = [
  ...['172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/14', '172.24.0.0/14', '172.28.0.0/14'].map(
    (base) => ({ base, size: 16 }),
  ),
  { base: '192.168.0.0/16', size: 20 },
];

export const DEFAULTS: Settings = {
  hosts: ['unix:///run/wharf/wharf.sock'],
  dataRoot: '/var/lib/wharf',
  execRoot: '/run/wharf',
  group: 'wharf',
  defaultRuntime: undefined,
  runtimes: {},
  insecureRegistries: [],
  registryMirrors: [],
  addressPools: POOLS,
  bip: undefined,
  labels: [],
  liveRestore: false,
  logDriver: 'json-file',
  logOptions: {},
  ulimits: [],
  init: false,
  shmSizeBytes: 64 * 1024 * 1024,
  ipcMode: 'private',
  cgroupns: undefined,
  noNewPrivileges: false,
  usernsRemap: undefined,
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  shutdownTimeoutSeconds: 15,
  pidFile: undefined,
  tls: undefined,
  tlsVerify: undefined,
  tlsCaCert: '/etc/wharf/ca.pem',
  tlsCert: '/etc/wharf/server-cert.pem',
  tlsKey: '/etc/wharf/server-key.pem',
  ignoredKeys: [],
  logLevel: 'info',
  logFormat: 'text',
};
