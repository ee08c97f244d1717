import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { MountInput } from '../../runtime/index.ts';
import { StartError } from '../errors.ts';
import type { Context } from './context.ts';
import { tmpfsOptions } from './mounts.ts';
import type { ContainerRecord } from './record.ts';
import { resolveInRoot } from './rootfs-path.ts';

/**
 * A container's mounts for the runtime, parents first. A missing source of a bind becomes a directory of root's here, at
 * the start, as Docker does. @throws {StartError}
 */
export function mountInputs(ctx: Context, record: ContainerRecord): MountInput[] {
  return record.mounts.map((mount): MountInput => {
    switch (mount.kind) {
      case 'bind':
        ensureSource(mount.source, mount.createSource);
        return {
          kind: 'bind',
          source: mount.source,
          target: mount.target,
          readOnly: mount.readOnly,
          recursive: mount.recursive,
          propagation: mount.propagation,
        };
      case 'volume':
        return {
          kind: 'bind',
          source: volumeSource(ctx, mount.name, mount.subpath),
          target: mount.target,
          readOnly: mount.readOnly,
          recursive: true,
          propagation: 'rprivate',
        };
      case 'tmpfs':
        return { kind: 'tmpfs', target: mount.target, options: tmpfsOptions(mount.options) };
    }
  });
}

function ensureSource(source: string, create: boolean): void {
  if (existsSync(source)) return;
  if (!create) {
    throw new StartError(
      'invalid',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      128,
    );
  }
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new StartError('internal', `error while creating mount source path '${source}': ${messageOf(cause)}`, 128, {
      cause,
    });
  }
}

function volumeSource(ctx: Context, name: string, subpath: string): string {
  const { volumes } = ctx.options.storage;
  if (volumes.find(name) === undefined) {
    throw new StartError('internal', `get ${name}: no such volume`, 128);
  }
  const data = volumes.dataPath(name);
  if (subpath === '') return data;
  try {
    const path = resolveInRoot(data, subpath);
    statSync(path);
    return path;
  } catch (cause) {
    const why = errnoOf(cause) === 'ENOENT' ? 'no such file or directory' : messageOf(cause);
    throw new StartError('internal', `cannot access path ${join(data, subpath)}: ${why}`, 128, { cause });
  }
}
