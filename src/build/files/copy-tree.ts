import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { chmod, copyFile, lchown, link, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lgetXattr, llistXattr, lsetXattr, lutimeNanos, mknod } from '../../linux/index.ts';
import { stepFailed } from '../errors.ts';
import { statOf } from './in-root.ts';
import type { ModeChange } from './mode-change.ts';

export interface CopyOptions {
  /** `undefined`: owners are kept. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Mode of everything copied but links; `undefined`: modes are kept. */
  readonly mode: ModeChange | undefined;
  /** Told the path relative to what is copied. */
  readonly excludes: (relative: string) => boolean;
  readonly signal: AbortSignal;
}

/** Copies trees, keeping modes, times, extended attributes, and hard links among all that one instance copies. Sockets are left out. */
export class TreeCopier {
  readonly #options: CopyOptions;
  readonly #copied = new Map<string, string>();

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  /**
   * Copies one entry to exactly `to`. A directory is merged into one that is there, which keeps its own mode and owner; any
   * other thing is replaced. Links are copied as links; the caller has resolved both paths.
   * @param shown the destination for messages, as the Dockerfile's reader knows it
   * @throws {WharfError} `BUILD_STEP_FAILED` if a directory meets a file
   */
  async copy(from: string, to: string, shown: string, relative = ''): Promise<void> {
    this.#options.signal.throwIfAborted();
    const stat = statOf(from);
    if (stat === undefined || stat.isSocket()) return;
    const there = statOf(to);
    if (stat.isDirectory()) return this.#directory(from, to, shown, relative, stat, there);
    if (there?.isDirectory()) throw stepFailed({ message: `cannot replace to directory ${shown} with file` });
    if (there !== undefined) await rm(to);
    const key = `${stat.dev}:${stat.ino}`;
    const twin = stat.nlink > 1n ? this.#copied.get(key) : undefined;
    if (twin !== undefined) return link(twin, to);
    if (stat.isSymbolicLink()) await symlink(await readlink(from), to);
    else if (stat.isFile()) await copyFile(from, to, constants.COPYFILE_FICLONE);
    else mknod(to, Number(stat.mode), stat.rdev);
    await this.#dress(from, to, stat);
    if (stat.nlink > 1n) this.#copied.set(key, to);
  }

  async #directory(
    from: string,
    to: string,
    shown: string,
    relative: string,
    stat: BigIntStats,
    there: BigIntStats | undefined,
  ): Promise<void> {
    if (there !== undefined && !there.isDirectory()) {
      throw stepFailed({ message: `cannot copy to non-directory: ${shown}` });
    }
    if (there === undefined) await mkdir(to, { mode: 0o700 });
    for (const name of (await readdir(from)).toSorted()) {
      const below = relative === '' ? name : `${relative}/${name}`;
      if (this.#options.excludes(below)) continue;
      await this.copy(join(from, name), join(to, name), `${shown.replace(/\/$/, '')}/${name}`, below);
    }
    // Times after the content, which changes them.
    if (there === undefined) await this.#dress(from, to, stat);
  }

  /** Owner before mode and attributes: chown clears set-uid and capabilities. */
  async #dress(from: string, to: string, stat: BigIntStats): Promise<void> {
    const { owner, mode } = this.#options;
    await lchown(to, owner?.uid ?? Number(stat.uid), owner?.gid ?? Number(stat.gid));
    for (const name of llistXattr(from)) {
      if (!name.startsWith('user.') && name !== 'security.capability') continue;
      const value = lgetXattr(from, name);
      if (value !== undefined) lsetXattr(to, name, value);
    }
    if (!stat.isSymbolicLink()) {
      const own = Number(stat.mode & 0o7777n);
      await chmod(to, mode?.(own, stat.isDirectory()) ?? own);
    }
    lutimeNanos(to, stat.mtimeNs, stat.mtimeNs);
  }
}
