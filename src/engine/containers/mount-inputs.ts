import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { MountInput } from '../../runtime/index.ts';
import { StartError } from '../errors.ts';
import type { ContainerMount } from './mounts.ts';
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
          readOnlyRecursive: mount.readOnly && mount.recursive && isReadOnlyBelow(mount),
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
      case 'image':
        return {
          kind: 'bind',
          source: volumes.at.get(mount.target) ?? '',
          target: mount.target,
          readOnly: true,
          recursive: true,
          propagation: 'rprivate',
        };
      case 'tmpfs':
        return { kind: 'tmpfs', target: mount.target, options: tmpfsOptions(mount.options) };
    }
  });
}

/** Asked of the runtime only where it matters: old ones do not know how. */
function isReadOnlyBelow({ source, readOnlyBelow }: Extract<ContainerMount, { kind: 'bind' }>): boolean {
  if (readOnlyBelow !== undefined) return readOnlyBelow === 'forced';
  const root = realpathSync(source);
  const prefix = root === '/' ? '/' : `${root}/`;
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => {
      const point = (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      );
      return point !== root && point.startsWith(prefix);
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
