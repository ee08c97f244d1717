import { realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type MountInfo, mountinfo } from '../../linux/index.ts';
import type { OciMount, OciSpec } from './oci-spec.ts';

/**
 * The spec with a mount of its own for each thing that is mounted below the source of a recursive bind: in a user namespace
 * crun (seen with 1.8.1) binds the top only.
 */
export function withBindsBelow(spec: OciSpec): OciSpec {
  let all: readonly MountInfo[] | undefined;
  const mounts = spec.mounts.flatMap((mount) => {
    const { type, source, options = [] } = mount;
    if (type !== 'bind' || source === undefined || !options.includes('rbind')) return [mount];
    if (statSync(source, { throwIfNoEntry: false })?.isDirectory() !== true) return [mount];
    const top = realpathSync(source);
    const prefix = top === '/' ? '/' : `${top}/`;
    all ??= mountinfo();
    const points = new Set(all.map((m) => m.mountpoint).filter((point) => point.startsWith(prefix) && point !== '/'));
    const visible = [...points].filter((point) => isReachable(top, point));
    return [mount, ...visible.map((point) => bindBelow(mount, point, point.slice(prefix.length)))];
  });
  return { ...spec, mounts };
}

/**
 * Whether the container may go there, whose root is nobody here; crun fails at places where he may not. One that is hidden by
 * what is mounted over it cannot be found either.
 */
function isReachable(top: string, point: string): boolean {
  for (let path = dirname(point); path.length >= top.length; path = dirname(path)) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || (stat.mode & 0o001) === 0) return false;
    if (path === top) break;
  }
  return statSync(point, { throwIfNoEntry: false }) !== undefined;
}

/** Read-only only if everything below is to be. */
function bindBelow({ destination, options = [] }: OciMount, source: string, rest: string): OciMount {
  const others = options.filter((word) => !['rbind', 'ro', 'rw', 'rro'].includes(word));
  return {
    destination: join(destination, rest),
    type: 'bind',
    source,
    options: ['bind', options.includes('rro') ? 'ro' : 'rw', ...others],
  };
}
