import { posix } from 'node:path';
import type { ServiceVolume } from '../model/service.ts';

/** A volume specification that cannot be read. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

export interface PathRules {
  readonly baseDirectory: string;
  readonly home: string | undefined;
  /** Paths stay as they were written. */
  readonly keepPaths?: boolean;
}

/**
 * `[SOURCE:]TARGET[:OPTIONS]`. A source that starts with `.`, `/` or `~` is a path on the host, else a volume's name.
 * @throws {VolumeError}
 */
export function parseVolume(text: string, rules: PathRules): ServiceVolume {
  if (text === '') throw new VolumeError('invalid empty volume spec');
  // A letter alone is a drive only with a path of Windows behind it: `C:\x:/x`, `C:/x:/x`. `v:/data` is a volume.
  const drive = /^[A-Za-z]:(?=\\|\/[^:]*:\/)/.exec(text)?.[0] ?? '';
  const parts = text.slice(drive.length).split(':');
  parts[0] = `${drive}${parts[0] ?? ''}`;
  if (parts.length > 3 || parts.some((p) => p === ''))
    throw new VolumeError(`invalid spec: ${text}: empty section between colons`);
  const options = parts.length === 3 ? (parts[2] ?? '').split(',') : [];
  const source = parts.length > 1 ? parts[0] : undefined;
  const target = cleanTarget(parts.length > 1 ? (parts[1] ?? '') : text);
  const readOnly = options.includes('ro') ? { read_only: true } : {};
  if (source === undefined) return { type: 'volume', target, volume: {} };
  const propagation = options.find((o) => /^r?(private|shared|slave)$/.test(o));
  const selinux = options.find((o) => o === 'z' || o === 'Z');
  if (isHostPath(source)) {
    return {
      type: 'bind',
      source: resolveHostPath(source, rules),
      target,
      ...readOnly,
      bind: { create_host_path: true, ...(propagation ? { propagation } : {}), ...(selinux ? { selinux } : {}) },
    };
  }
  return { type: 'volume', source, target, ...readOnly, volume: options.includes('nocopy') ? { nocopy: true } : {} };
}

/** Whether a short volume's source means a path on the host. */
function isHostPath(source: string): boolean {
  return /^[./~\\]/.test(source) || isWindowsPath(source);
}

/** `C:\x`, `C:/x`: absolute as it is. */
function isWindowsPath(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path);
}

/** `/c/x` for `C:\x`, as `COMPOSE_CONVERT_WINDOWS_PATHS` wants it; other paths as they are. */
export function convertWindowsPath(path: string): string {
  return isWindowsPath(path) ? `/${path.slice(0, 1).toLowerCase()}${path.slice(2).replaceAll('\\', '/')}` : path;
}

/** An absolute path for what a file says: relative to `baseDirectory`, `~` is the home directory. */
export function resolveHostPath(path: string, rules: PathRules): string {
  if (rules.keepPaths || isWindowsPath(path)) return path;
  if (path === '~' || path.startsWith('~/')) {
    if (rules.home === undefined) throw new VolumeError(`cannot expand "${path}": HOME is not set`);
    return posix.join(rules.home, path.slice(1));
  }
  return posix.resolve(rules.baseDirectory, path);
}

/** Path without `.`/`..` segments, doubled and trailing slashes. */
export function cleanTarget(target: string): string {
  const clean = posix.normalize(target);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
