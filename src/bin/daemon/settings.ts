import type { Ulimit } from '../../core/wire/container.ts';
import { NETWORK_DEFAULTS, type NetworkSettings } from './network-settings.ts';

/** What can be set, by flag or in the configuration file. */
export interface Settings extends NetworkSettings {
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
  /** `builtin`, `unconfined`, or the profile in JSON. */
  readonly seccompProfile: string;
  /** Whose subordinate IDs containers get: `default`, `USER`, `UID`, `USER:GROUP`; `undefined`: none. */
  readonly usernsRemap: string | undefined;
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly cgroupParent: string;
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  /** Negative: for ever. */
  readonly shutdownTimeoutSeconds: number;
  /** For what the daemon fetches; the environment's unless given. */
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: string | undefined;
  readonly pidFile: string | undefined;
  /** `undefined`: nothing was said, which refuses plain TCP beyond this machine; `false` allows it. */
  readonly tls: boolean | undefined;
  /** Clients must show a certificate of the authority. */
  readonly tlsVerify: boolean | undefined;
  readonly tlsCaCert: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** What is to be said of settings that dockerd would obey and that mean nothing here. */
  readonly ignored: readonly string[];
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
  ...NETWORK_DEFAULTS,
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
  seccompProfile: 'builtin',
  usernsRemap: undefined,
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  cgroupParent: '',
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 3,
  shutdownTimeoutSeconds: 15,
  httpProxy: undefined,
  httpsProxy: undefined,
  noProxy: undefined,
  pidFile: undefined,
  tls: undefined,
  tlsVerify: undefined,
  tlsCaCert: '/etc/wharf/ca.pem',
  tlsCert: '/etc/wharf/server-cert.pem',
  tlsKey: '/etc/wharf/server-key.pem',
  ignored: [],
  logLevel: 'info',
  logFormat: 'text',
};
