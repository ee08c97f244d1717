import { mkdirSync, statSync } from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import { type IdMaps, rootOf } from '../../core/id-map.ts';
import { asOwner } from '../../storage/index.ts';
import { StartError } from '../errors.ts';
import { resolveInRoot } from './rootfs-path.ts';

/**
 * A missing working directory is made, 0755 and root's (Docker does so even for another user). `maps`: whose root, where the
 * root file system is mounted with mapped IDs.
 * @throws {StartError} if something else has the name
 */
export function prepareWorkingDirectory(rootfs: string, path: string, maps?: IdMaps): void {
  if (path === '/') return;
  try {
    const host = resolveInRoot(rootfs, path);
    if (statSync(host, { throwIfNoEntry: false })?.isDirectory()) return;
    const make = () => void mkdirSync(host, { recursive: true, mode: 0o755 });
    if (maps === undefined) make();
    else asOwner(rootOf(maps), make);
  } catch (cause) {
    const code = errnoOf(cause);
    if (code !== 'ENOTDIR' && code !== 'EEXIST') throw cause;
    throw new StartError('invalid', `Cannot mkdir: ${path} is not a directory`, 127, { cause });
  }
}
