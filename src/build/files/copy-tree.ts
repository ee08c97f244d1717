import { chmodSync, lchownSync, linkSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lutimeNanos, mknod, S_IF } from '../../linux/index.ts';
import { stepFailed } from '../errors.ts';
import { type CopyJob, setXattrs } from './copy-file.ts';
import { copyFiles } from './file-threads.ts';
import type { Entry, Fact, FileTree } from './file-tree.ts';
import type { LateFiles } from './filling.ts';
import { statOf } from './in-root.ts';
import type { ModeChange } from './mode-change.ts';
import { Turn } from './turns.ts';

export interface CopyOptions {
  /** `undefined`: owners are kept. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Mode of everything copied but links; `undefined`: modes are kept. */
  readonly mode: ModeChange | undefined;
  /** Directories below the destination that are there take mode, owner and time of those that are copied onto them. */
  readonly dressMerged?: boolean;
  /**
   * If the destination is below the mount of an overlay (`root`): its directory of changes. What is written there into a
   * directory that copying has just made shows below `root` too, and is written faster.
   */
  readonly overlay?: { readonly root: string; readonly upper: string } | undefined;
  /** Takes large files, whose content may come later; only with `overlay`. */
  readonly late?: LateFiles | undefined;
  readonly signal: AbortSignal;
}

function contentOf({ fact }: Entry): string {
  const [, , , content] = JSON.parse(fact) as Fact;
  return content;
}

/** Copies trees, keeping modes, times, extended attributes, and hard links among all that one instance copies. */
export class TreeCopier {
  readonly #options: CopyOptions;
  readonly #copied = new Map<string, string>();

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  /**
   * Copies entries of a tree, as `FileTree.entries` gave them, the first to exactly `to`. A directory is merged into one that is
   * there, which keeps its own mode and owner; any other thing is replaced. Links are copied as links. If the first is a
   * directory, it stands for its content: what is made for it is root's unless an owner is given, and `mode` is not for it.
   * @param shown the destination for messages, as the Dockerfile's reader knows it
   * @throws {WharfError} `BUILD_STEP_FAILED` if a directory meets a file; `CONTEXT_CHANGED`
   */
  async copy(tree: FileTree, entries: readonly Entry[], to: string, shown: string): Promise<void> {
    const { late } = this.#options;
    const fresh = new Map<string, Entry>();
    const links: [first: string, second: string][] = [];
    const jobs: CopyJob[] = [];
    const paths = new Map<CopyJob, string>();
    let merged: Entry | undefined;
    const dressed = new Map<string, Entry>();
    const turn = new Turn();
    for (const entry of entries) {
      const { name, path, stat, type } = entry;
      const place = name === '' ? to : `${to}/${name}`;
      const isNew = name !== '' && fresh.has(place.slice(0, place.lastIndexOf('/')));
      const there = isNew ? undefined : statOf(place);
      const told = name === '' ? shown : `${shown.replace(/\/$/, '')}/${name}`;
      if (type === S_IF.DIR) {
        if (there !== undefined && !there.isDirectory()) {
          throw stepFailed({ message: `cannot copy to non-directory: ${told}` });
        }
        if (there === undefined) {
          mkdirSync(place, { mode: 0o700 });
          fresh.set(place, entry);
        } else if (name === '') merged = entry;
        else if (this.#options.dressMerged) dressed.set(place, entry);
      } else {
        if (there?.isDirectory()) throw stepFailed({ message: `cannot replace to directory ${told} with file` });
        if (there !== undefined) {
          rmSync(place);
          late?.drop(this.#upperOf(place));
        }
        const inode = stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : undefined;
        const twin = inode === undefined ? undefined : this.#copied.get(inode);
        if (twin !== undefined) links.push([twin, place]);
        else {
          if (inode !== undefined) this.#copied.set(inode, place);
          if (type === S_IF.REG) {
            const to = isNew ? this.#upperOf(place) : place;
            const job = { source: tree.sourceOf(entry), to, ...this.#attributes(entry) };
            if (late?.takes(job, stat.nlink)) {
              late.make({ ...job, to: this.#upperOf(place) }, to, () => tree.changed(path), contentOf(entry));
            } else {
              jobs.push(job);
              paths.set(job, path);
            }
          } else {
            if (type === S_IF.LNK) symlinkSync(readlinkSync(join(tree.root, path)), place);
            else mknod(place, stat.mode, stat.rdev);
            this.#dress(entry, place);
          }
        }
      }
      if (turn.isOver) await turn.pass();
      this.#options.signal.throwIfAborted();
    }
    const changed = await copyFiles(jobs, this.#options.signal);
    if (changed !== undefined) throw tree.changed(paths.get(changed) ?? '');
    for (const [first, second] of links) linkSync(first, second);
    // Directories after their content, which changes their times.
    for (const [place, entry] of [...fresh, ...dressed].toReversed()) this.#dress(entry, place);
    if (merged !== undefined) lutimeNanos(to, merged.stat.mtimeNs, merged.stat.mtimeNs);
  }

  #upperOf(place: string): string {
    const { overlay } = this.#options;
    if (overlay === undefined || !place.startsWith(`${overlay.root}/`)) return place;
    return overlay.upper + place.slice(overlay.root.length);
  }

  #attributes({ name, stat, type, fact }: Entry): Omit<CopyJob, 'source' | 'to'> {
    const forContent = name === '' && type === S_IF.DIR;
    const owner = this.#options.owner ?? (forContent ? { uid: 0, gid: 0 } : undefined);
    const mode = forContent ? undefined : this.#options.mode;
    const own = stat.mode & 0o7777;
    return {
      uid: owner?.uid ?? stat.uid,
      gid: owner?.gid ?? stat.gid,
      mode: mode?.(own, type === S_IF.DIR) ?? own,
      mtimeNs: stat.mtimeNs,
      xattrs: fact.includes('=') ? (JSON.parse(fact) as Fact).slice(4) : [],
    };
  }

  /** Owner before mode and attributes: chown clears set-uid and capabilities. */
  #dress(entry: Entry, to: string): void {
    const { uid, gid, mode, mtimeNs, xattrs } = this.#attributes(entry);
    lchownSync(to, uid, gid);
    setXattrs(to, xattrs);
    if (entry.type !== S_IF.LNK) chmodSync(to, mode);
    lutimeNanos(to, mtimeNs, mtimeNs);
  }
}
