import { randomInt } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { spreadSubdirectories } from '../linux/index.ts';

/** Where things are below a data root. */
export interface Layout {
  readonly root: string;
  readonly database: string;
  readonly lock: string;
  /** See `Reserve`. */
  readonly reserve: string;
  readonly blobs: string;
  /** One directory a committed layer: `fs` (its files in overlayfs form), perhaps `recipe` and `shadow`. */
  readonly layers: string;
  /** One directory an active snapshot: `upper`, `work`, `merged`. */
  readonly snapshots: string;
  readonly volumes: string;
  /** Parts of volumes, each mounted while a container that has it is being made. */
  readonly parts: string;
  /** Layers and snapshots once more, as containers with mapped users see them. */
  readonly mapped: string;
  /** Things being made; emptied when the data root is opened. */
  readonly tmp: string;
  /** Lowest layer of every snapshot: the mount points that a runtime would otherwise make in the container's own layer. */
  readonly init: string;
}

/** Among the layers, whose names all have seven letters, so that mounts can name it as they name them. */
const INIT = 'init';

/** Makes the directories that are missing. Only root may look inside; containers get at their parts through mounts. */
export function openLayout(path: string): Layout {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const root = realpathSync(path); // as the kernel tells mount points
  const layout: Layout = {
    root,
    database: join(root, 'wharf.db'),
    lock: join(root, 'lock'),
    reserve: join(root, 'reserve'),
    blobs: join(root, 'blobs', 'sha256'),
    layers: join(root, 'layers'),
    snapshots: join(root, 'snapshots'),
    volumes: join(root, 'volumes'),
    parts: join(root, 'parts'),
    mapped: join(root, 'mapped'),
    tmp: join(root, 'tmp'),
    init: join(root, 'layers', INIT),
  };
  for (const directory of [layout.blobs, layout.tmp]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const directory of [layout.layers, layout.snapshots, layout.volumes]) {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
  }
  const { tmp, layers, snapshots, volumes } = layout;
  for (const directory of [tmp, layers, snapshots, volumes]) spreadSubdirectories(directory);
  return layout;
}

/** A short random directory name: overlayfs takes only 4095 bytes of options, and every layer's path is in them. */
export function shortName(): string {
  return randomInt(36 ** 7)
    .toString(36)
    .padStart(7, '0');
}
