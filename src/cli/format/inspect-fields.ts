import { didYouMean } from '../../core/nearest.ts';
import { NO_VALUE } from './print-value.ts';

/**
 * Fields that the engine leaves out when they are unset: Go's typed objects have them all the same, so that
 * `{{if .State.Health}}` works for a container without a health check.
 */
const UNSET: Readonly<Record<string, unknown>> = {
  Health: null,
  Healthcheck: null,
  StopTimeout: null,
  StopSignal: '',
  Shell: [],
  ExposedPorts: {},
  MacAddress: '',
  NetworkDisabled: false,
  SizeRw: null,
  SizeRootFs: null,
  UsageData: null,
  Variant: '',
  OsVersion: '',
  Annotations: {},
  Sysctls: {},
  Tmpfs: {},
  Mounts: [],
  StorageOpt: {},
  Error: '',
  ImageManifestDescriptor: null,
  AuxiliaryAddresses: {},
  IPRange: '',
  Gateway: '',
  Status: {},
  VolumeOptions: null,
  BindOptions: null,
  TmpfsOptions: null,
  ReadOnly: false,
};

/** Of what kind a null is: Go prints the three differently. All others are lists. */
const POINTERS: ReadonlySet<string> = new Set([
  'Health',
  'Healthcheck',
  'IPAMConfig',
  'Init',
  'MemorySwappiness',
  'OomKillDisable',
  'PidsLimit',
  'StopTimeout',
  'UsageData',
]);
const MAPS: ReadonlySet<string> = new Set([
  'Config',
  'Data',
  'DriverOpts',
  'ExposedPorts',
  'Labels',
  'Options',
  'PortBindings',
  'Ports',
  'Sysctls',
  'Tmpfs',
  'Volumes',
]);
/** Empty, printed as such, and null again in JSON. */
const NIL_LIST: unknown = Object.defineProperty([], 'toJSON', { value: () => null });
const NIL_MAP: unknown = Object.defineProperty({}, 'toJSON', { value: () => null });

/** What a missing field of an inspected object is worth. @throws {Error} in Go's words */
export function inspectMissing(receiver: unknown, name: string, isNull: boolean): unknown {
  if (isNull) return POINTERS.has(name) ? null : MAPS.has(name) ? NIL_MAP : NIL_LIST;
  const known = Object.keys(receiver as object);
  if (isMap(known)) return NO_VALUE;
  // A bind mount has neither.
  if ((name === 'Name' || name === 'Driver') && known.includes('Destination')) return '';
  if (Object.hasOwn(UNSET, name)) return UNSET[name];
  // Go's names, where the API has others: `ID` for `Id`, `APIVersion` for `ApiVersion`.
  const same = /^[A-Z]/.test(name) ? known.find((key) => key.toLowerCase() === name.toLowerCase()) : undefined;
  if (same !== undefined) return (receiver as Record<string, unknown>)[same];
  throw new Error(`map has no entry for key "${name}"${didYouMean(name, known)}`);
}

/** The API's objects have capitalised fields; maps (labels, ports, options, networks) have users' keys, or none. */
function isMap(keys: readonly string[]): boolean {
  return keys.every((key) => !/^[A-Z]/.test(key));
}
