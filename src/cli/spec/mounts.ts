import { resolve } from 'node:path';
import { didYouMean } from '../../core/nearest.ts';
import type { MountRequest } from '../../core/wire/container.ts';
import { csvFields } from './csv.ts';
import { parseBytes } from './quantity.ts';

const KEYS = [
  'type',
  'source',
  'src',
  'target',
  'dst',
  'destination',
  'readonly',
  'ro',
  'consistency',
  'bind-propagation',
  'bind-recursive',
  'bind-nonrecursive',
  'volume-nocopy',
  'volume-label',
  'volume-driver',
  'volume-opt',
  'volume-subpath',
  'image-subpath',
  'tmpfs-size',
  'tmpfs-mode',
]; // prettier-ignore

const SWITCHES = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive'];

/**
 * Reads `--mount type=bind,source=/x,target=/y,readonly`.
 * @param cwd what a bind source that begins with a dot is relative to
 * @throws {Error} in docker's words
 */
export function parseMount(spec: string, cwd: string): MountRequest {
  const mount: MountRequest = { Type: 'volume', Target: '' };
  const volume: NonNullable<MountRequest['VolumeOptions']> = {};
  const bind: NonNullable<MountRequest['BindOptions']> = {};
  const tmpfs: NonNullable<MountRequest['TmpfsOptions']> = {};
  for (const field of csvFields(spec)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (field === '') throw new Error('EOF');
    if (value === undefined && !SWITCHES.includes(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    if (!KEYS.includes(key)) throw new Error(`unexpected key '${key}' in '${field}'${didYouMean(key, KEYS)}`);
    if (key === 'readonly' || key === 'ro') mount.ReadOnly = truth(key, value);
    else if (key === 'volume-nocopy') volume.NoCopy = truth(key, value);
    else if (key === 'bind-nonrecursive') bind.NonRecursive = truth(key, value);
    else if (value === undefined) continue;
    else if (key === 'type') mount.Type = value.toLowerCase() as MountRequest['Type'];
    else if (key === 'source' || key === 'src') mount.Source = value;
    else if (key === 'target' || key === 'dst' || key === 'destination') mount.Target = value;
    else if (key === 'consistency') mount.Consistency = value.toLowerCase();
    else if (key === 'bind-propagation') bind.Propagation = value.toLowerCase();
    else if (key === 'bind-recursive') Object.assign(bind, recursion(value));
    else if (key === 'volume-label') volume.Labels = { ...volume.Labels, ...pair(value) };
    else if (key === 'volume-driver') volume.DriverConfig = { ...volume.DriverConfig, Name: value };
    else if (key === 'volume-opt') {
      volume.DriverConfig = { ...volume.DriverConfig, Options: { ...volume.DriverConfig?.Options, ...pair(value) } };
    } else if (key === 'volume-subpath') volume.Subpath = value;
    else if (key === 'image-subpath') mount.ImageOptions = { Subpath: value };
    else if (key === 'tmpfs-size') {
      try {
        tmpfs.SizeBytes = parseBytes(value);
      } catch {
        throw new Error(`invalid value for ${key}: ${value}`);
      }
    } else if (key === 'tmpfs-mode') {
      if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
      tmpfs.Mode = Number.parseInt(value, 8);
    }
  }
  if (mount.Target === '') throw new Error('target is required');
  const options = (wanted: MountRequest['Type'], kind: string, given: object) => {
    if (Object.keys(given).length > 0 && mount.Type !== wanted) {
      throw new Error(`cannot mix '${kind}-*' options with mount type '${mount.Type}'`);
    }
  };
  options('volume', 'volume', volume);
  options('bind', 'bind', bind);
  options('tmpfs', 'tmpfs', tmpfs);
  if (bind.ReadOnlyForceRecursive === true) {
    const needs = (what: string) =>
      new Error(`option 'bind-recursive=readonly' requires '${what}' to be specified in conjunction`);
    if (mount.ReadOnly !== true) throw needs('readonly');
    if (bind.Propagation !== 'rprivate') throw needs('bind-propagation=rprivate');
  }
  if (Object.keys(volume).length > 0) mount.VolumeOptions = volume;
  if (Object.keys(bind).length > 0) mount.BindOptions = bind;
  if (Object.keys(tmpfs).length > 0) mount.TmpfsOptions = tmpfs;
  if (mount.Type === 'bind' && mount.Source?.startsWith('.') === true) mount.Source = resolve(cwd, mount.Source);
  return mount;
}

/**
 * Reads `-v`: binds are passed on as text, a bare path asks for an anonymous volume. Sources that begin with `.` or `~/`
 * are made absolute.
 * @throws {Error} in docker's words
 */
export function parseVolumes(
  specs: readonly string[],
  cwd: string,
): { readonly binds: string[]; readonly anonymous: Record<string, Record<string, never>> } {
  const binds = new Set<string>();
  const anonymous: Record<string, Record<string, never>> = {};
  for (const spec of specs) {
    if (spec === '') throw new Error('invalid empty volume spec');
    const parts = spec.split(':');
    const [source = '', ...rest] = parts;
    if (parts.length === 1) {
      anonymous[spec] = {};
    } else if (parts.length > 3) throw new Error(`invalid spec: ${spec}: too many colons`);
    else if (parts.includes('')) throw new Error(`invalid spec: ${spec}: empty section between colons`);
    else if (source === '.' || source === '..' || source.startsWith('./') || source.startsWith('../')) {
      binds.add([resolve(cwd, source), ...rest].join(':'));
    } else binds.add(spec);
  }
  return { binds: [...binds], anonymous };
}

/** Reads `--tmpfs /path[:options]`. */
export function parseTmpfs(specs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    specs.map((spec) => {
      const colon = spec.indexOf(':');
      return colon < 0 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)];
    }),
  );
}

function truth(key: string, value: string | undefined): boolean {
  if (value === undefined || /^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function recursion(value: string): NonNullable<MountRequest['BindOptions']> {
  switch (value) {
    case 'enabled':
      return {};
    case 'disabled':
      return { NonRecursive: true };
    case 'writable':
      return { ReadOnlyNonRecursive: true };
    case 'readonly':
      return { ReadOnlyForceRecursive: true };
    default:
      throw new Error(
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  }
}

function pair(text: string): Record<string, string> {
  const equals = text.indexOf('=');
  return equals < 0 ? { [text]: '' } : { [text.slice(0, equals)]: text.slice(equals + 1) };
}
