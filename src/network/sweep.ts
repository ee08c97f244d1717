import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../core/log.ts';
import type { RouteSocket } from '../linux/index.ts';
import { removeNetns } from '../linux/index.ts';
import { markOf, unmarkedName } from './bridge.ts';

/** What is somebody's, and stays. */
export interface Kept {
  readonly netnsFiles: ReadonlySet<string>;
  readonly veths: ReadonlySet<string>;
  readonly bridges: ReadonlySet<string>;
}

/**
 * Removes what an engine left that ended in the middle of something: namespaces in `netnsDirectory`, ports of bridges with the
 * mark of this instance, and such bridges, unless they are among `kept`.
 */
export async function sweepStrays(
  routes: RouteSocket,
  netnsDirectory: string,
  instance: string,
  kept: Kept,
  log: Logger,
): Promise<void> {
  for (const name of listDirectory(netnsDirectory)) {
    const file = path.join(netnsDirectory, name);
    if (kept.netnsFiles.has(file)) continue;
    log.info('stray network namespace removed', { file });
    removeNetns(file);
  }
  const links = routes.links();
  const marked = links.filter((l) => l.alias === markOf(instance) || l.name.startsWith(unmarkedName(instance)));
  const ours = new Set(marked.map((l) => l.index));
  const strays = [
    ...links.filter((l) => l.kind === 'veth' && ours.has(l.master) && !kept.veths.has(l.name)),
    ...marked.filter((l) => !kept.bridges.has(l.name)),
  ];
  for (const { name } of strays) {
    log.info('stray device removed', { name });
    await routes.deleteLink(name);
  }
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
