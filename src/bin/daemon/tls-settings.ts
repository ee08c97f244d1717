import type { SettingSource } from './setting-source.ts';
import type { Settings } from './settings.ts';

/** TLS of tcp:// addresses, as dockerd names it. */
export const TLS_SOURCES: readonly SettingSource<keyof Settings>[] = [
  {
    setting: 'tls',
    flag: 'tls',
    key: 'tls',
    kind: 'flag',
    help: 'TLS on tcp:// addresses; --tls=false allows plain TCP beyond this machine',
  },
  {
    setting: 'tlsVerify',
    flag: 'tlsverify',
    key: 'tlsverify',
    kind: 'flag',
    help: 'TLS, and clients must show a certificate',
  },
  {
    setting: 'tlsCaCert',
    flag: 'tlscacert',
    key: 'tlscacert',
    kind: 'text',
    argument: 'path',
    help: 'certificates of the authority that signs clients',
  },
  {
    setting: 'tlsCert',
    flag: 'tlscert',
    key: 'tlscert',
    kind: 'text',
    argument: 'path',
    help: "the daemon's certificate",
  },
  {
    setting: 'tlsKey',
    flag: 'tlskey',
    key: 'tlskey',
    kind: 'text',
    argument: 'path',
    help: "the daemon's key",
  },
];
