import { lstatSync, readlinkSync } from 'node:fs';
import { join, posix } from 'node:path';

const MOST_LINKS = 40;

/**
 * Where an absolute path of a container is on the host: each link is followed as the container would, `..` at the root stays
 * there. The last parts need not exist. Only for a root that nobody else writes to meanwhile.
 */
export function resolveInRoot(root: string, path: string): string {
  let resolved = '/';
  const pending = path.split('/').filter(Boolean);
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '.') continue;
    if (part === '..') {
      resolved = posix.dirname(resolved);
      continue;
    }
    const candidate = posix.join(resolved, part);
    const target = linkTarget(join(root, candidate));
    if (target === undefined) {
      resolved = candidate;
      continue;
    }
    if (++links > MOST_LINKS) throw Object.assign(new Error(`too many links: ${path}`), { code: 'ELOOP' });
    if (target.startsWith('/')) resolved = '/';
    pending.unshift(...target.split('/').filter(Boolean));
  }
  return join(root, resolved);
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
