import { existsSync, mkdirSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { MountInput } from '../../runtime/index.ts';
import { StartError } from '../errors.ts';
import { tmpfsOptions } from './mounts.ts';
import type { ContainerRecord } from './record.ts';
import type { VolumeSources } from './volume-holds.ts';

/**
 * A container's mounts for the runtime, parents first; `volumes` are those acquired for it. A missing source of a bind becomes
 * a directory of root's here, at the start, as Docker does. @throws {StartError}
 */
export function mountInputs(record: ContainerRecord, volumes: VolumeSources): MountInput[] {
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
          source: volumes.at.get(mount.target) ?? '',
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
