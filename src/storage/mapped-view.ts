import { chmodSync, chownSync, closeSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { errnoOf, messageOf } from '../core/errors.ts';
import { type IdMaps, rootOf } from '../core/id-map.ts';
import { asOwner, mountMapped, openUserNamespace, umountAll } from '../linux/index.ts';
import type { HeldPath } from './contract.ts';
import { cannotMapIds, restrictedToRoot } from './errors.ts';
import type { Layout } from './layout.ts';
import { bindPart } from './volume-parts.ts';
import { mountOverlay } from './snapshots/overlay.ts';

/**
 * The store as containers with mapped users see it. On the disk everything keeps the users that it has inside containers; layers
 * and snapshots are mounted a second time with mapped IDs, and containers' roots are made of these.
 */
export class MappedView implements Disposable {
  readonly layers: string;
  readonly snapshots: string;
  /** Whom containers' root is on the host. */
  readonly root: { readonly uid: number; readonly gid: number };
  readonly #usernsFd: number;
  readonly #parts: string;

  private constructor(layout: Layout, maps: IdMaps, usernsFd: number) {
    this.layers = join(layout.mapped, 'layers');
    this.snapshots = join(layout.mapped, 'snapshots');
    this.root = rootOf(maps);
    this.#usernsFd = usernsFd;
    this.#parts = layout.parts;
  }

  /** @throws {WharfError} `CANNOT_MAP_IDS`, `RESTRICTED_TO_ROOT` */
  static async open(layout: Layout, maps: IdMaps): Promise<MappedView> {
    checkPassage(layout.root, rootOf(maps));
    let view: MappedView;
    try {
      view = new MappedView(layout, maps, await openUserNamespace(maps));
    } catch (cause) {
      throw cannotMapIds({ path: layout.root, kernel: release(), reason: messageOf(cause) }, { cause });
    }
    try {
      for (const [source, target] of [
        [layout.layers, view.layers],
        [layout.snapshots, view.snapshots],
      ] as const) {
        mkdirSync(target, { recursive: true, mode: 0o711 });
        mountMapped(source, target, view.#usernsFd, { recursive: false });
      }
      view.#probe(layout);
      return view;
    } catch (cause) {
      view[Symbol.dispose]();
      throw cannotMapIds({ path: layout.root, kernel: release(), reason: messageOf(cause) }, { cause });
    }
  }

  /** A path as containers see it, at a path of its own while it is held: whoever mounts it from there keeps it. */
  hold(root: string, path: string): HeldPath {
    return bindPart(this.#parts, root, path, (source, target) =>
      mountMapped(source, target, this.#usernsFd, { recursive: true }),
    );
  }

  /** What is mounted of it stays. */
  [Symbol.dispose](): void {
    for (const path of [this.layers, this.snapshots]) umountAll(path);
    closeSync(this.#usernsFd);
  }

  /** Only a try tells whether overlays of such mounts are possible (Linux 5.19); on a full disk the next start does. */
  #probe(layout: Layout): void {
    try {
      this.#tryOverlay(layout);
    } catch (e) {
      if (!['ENOSPC', 'EDQUOT'].includes(errnoOf(e) ?? '')) throw e;
    }
  }

  #tryOverlay(layout: Layout): void {
    const name = 'probe';
    const path = join(layout.snapshots, name);
    rmSync(path, { recursive: true, force: true });
    for (const part of ['upper', 'work', 'merged']) mkdirSync(join(path, part), { recursive: true });
    const merged = join(path, 'merged');
    try {
      asOwner(this.root, () => {
        mountOverlay({
          base: this.layers,
          lower: ['init'],
          upper: join(this.snapshots, name, 'upper'),
          work: join(this.snapshots, name, 'work'),
          target: merged,
        });
        mkdirSync(join(merged, 'made'));
      });
      if (statSync(join(merged, 'made')).uid !== this.root.uid || statSync(join(path, 'upper', 'made')).uid !== 0) {
        throw new Error('an overlay does not map the IDs of its layers');
      }
    } finally {
      umountAll(merged);
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Takes away what a daemon left that could not do so itself. */
export function sweepMappedView(layout: Layout): void {
  for (const name of ['layers', 'snapshots']) umountAll(join(layout.mapped, name));
}

/**
 * Lets nobody but root, and containers' root, into a directory: files in it may be root's and setuid, as containers made them.
 * @see CVE-2021-41091
 */
export function closeToOthers(path: string, maps: IdMaps | undefined): void {
  chownSync(path, 0, maps === undefined ? 0 : rootOf(maps).gid);
  chmodSync(path, 0o710);
}

/** Whether containers' root can come to the data root. @throws {WharfError} `RESTRICTED_TO_ROOT` */
function checkPassage(path: string, root: { readonly uid: number; readonly gid: number }): void {
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode, uid, gid } = statSync(above);
    const needed = uid === root.uid ? 0o100 : gid === root.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) throw restrictedToRoot({ above, path, ...root });
    if (above === '/') return;
  }
}
