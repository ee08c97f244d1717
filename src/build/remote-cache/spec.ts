import { stepFailed } from '../errors.ts';

/** `--cache-from`, `--cache-to`: `type` and the other keys. */
export interface CacheSpec {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

export type CacheCompression = 'gzip' | 'zstd' | 'uncompressed';

/** How a cache is to be written. */
export interface ExportOptions {
  readonly type: 'local' | 'registry';
  /** Where to: the reference in a registry, or the directory as its owner knows it. */
  readonly where: string;
  readonly tag: string;
  /** `min`: what the result stands on; `max`: every step of every stage. */
  readonly mode: 'min' | 'max';
  readonly compression: CacheCompression;
  readonly asImage: boolean;
  readonly oci: boolean;
  readonly ignoreErrors: boolean;
}

const KEYS = {
  local: ['dest', 'tag'],
  registry: ['ref', 'registry.insecure'],
  both: [
    'mode',
    'compression',
    'compression-level',
    'force-compression',
    'image-manifest',
    'oci-mediatypes',
    'ignore-error',
  ],
};

/** @throws {WharfError} `BUILD_STEP_FAILED` at what cannot be done */
export function exportOptions({ type, attrs }: CacheSpec): ExportOptions {
  const no = (message: string) => stepFailed({ message: `cache export: ${message}` });
  if (type !== 'local' && type !== 'registry') {
    throw no(`type ${JSON.stringify(type)} is not supported: use inline, local or registry`);
  }
  for (const key of Object.keys(attrs)) {
    if (!KEYS.both.includes(key) && !KEYS[type].includes(key))
      throw no(`type=${type} has no key ${JSON.stringify(key)}`);
  }
  const flag = (key: string, fallback: boolean): boolean => {
    const text = attrs[key];
    if (text === undefined) return fallback;
    if (!/^(true|false|1|0)$/i.test(text)) throw no(`${key}=${text}: true or false is expected`);
    return /^(true|1)$/i.test(text);
  };
  const { mode = 'min', compression = 'gzip', tag = 'latest' } = attrs;
  if (mode !== 'min' && mode !== 'max') throw no(`mode=${mode}: min or max is expected`);
  if (compression !== 'gzip' && compression !== 'zstd' && compression !== 'uncompressed') {
    throw no(`compression=${compression} is not supported: use gzip, zstd or uncompressed`);
  }
  const where = attrs[type === 'local' ? 'dest' : 'ref'] ?? '';
  if (where === '') throw no(`type=${type} needs ${type === 'local' ? 'dest' : 'ref'}`);
  const oci = flag('oci-mediatypes', true);
  if (!oci && attrs['image-manifest'] !== undefined && flag('image-manifest', true)) {
    throw no('image-manifest=true needs oci-mediatypes=true');
  }
  const asImage = oci && flag('image-manifest', true);
  return { type, where, tag, mode, compression, asImage, oci, ignoreErrors: flag('ignore-error', false) };
}
