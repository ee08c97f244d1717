import { closeSync, fchmodSync, fchownSync, ftruncateSync, openSync } from 'node:fs';
import type { AwaitedFile, Filling } from '../../storage/index.ts';
import type { ContextChanged } from '../errors.ts';
import type { CopyJob } from './copy-file.ts';
import { copyFiles } from './file-threads.ts';
import { isUnchanged, openUnchanged } from './read-file.ts';

/** Smaller ones are copied at once. */
const LEAST_BYTES = 64n * 1024n;

/** Large files that a step copies: made at once, with all but their content, which is written while the layer is digested. */
export class LateFiles implements Filling {
  readonly files = new Map<string, AwaitedFile>();
  readonly #root: string;
  readonly #jobs = new Map<string, CopyJob>();
  readonly #signal: AbortSignal;
  readonly #changed = new Map<CopyJob, () => ContextChanged>();

  /** @param root the directory of changes that becomes the layer */
  constructor(root: string, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
  }

  /** Whether a file may come late: writing takes capabilities and set-uid away, and of several names only one is known. */
  takes({ source: { stat }, mode, xattrs }: CopyJob, nlink: number): boolean {
    return stat.size >= LEAST_BYTES && nlink === 1 && (mode & 0o6000) === 0 && xattrs.length === 0;
  }

  /**
   * Makes a file without its content.
   * @param at where to make it, if not at `job.to`: the same place as the mount shows it
   * @param changed the error if it turns out not to be what it was
   * @param digest SHA-256 of its content in hexadecimal
   */
  make(job: CopyJob, at: string, changed: () => ContextChanged, digest: string): void {
    const fd = openSync(at, 'wx', 0o600);
    try {
      fchownSync(fd, job.uid, job.gid);
      fchmodSync(fd, job.mode);
      ftruncateSync(fd, Number(job.source.stat.size));
    } finally {
      closeSync(fd);
    }
    this.#jobs.set(job.to, job);
    this.#changed.set(job, changed);
    this.files.set(job.to.slice(this.#root.length + 1), {
      mtimeNs: job.mtimeNs,
      sizeBytes: Number(job.source.stat.size),
      digest,
      open: () => {
        const opened = openUnchanged(job.source);
        if (opened === undefined) throw changed();
        return opened;
      },
      close: (opened) => {
        const same = isUnchanged(job.source, opened);
        closeSync(opened);
        if (!same) throw changed();
      },
    });
  }

  /** Something else takes its place. */
  drop(to: string): void {
    this.#jobs.delete(to);
    this.files.delete(to.slice(this.#root.length + 1));
  }

  async fill(): Promise<void> {
    const jobs = [...this.#jobs.values()].map((job) => ({ ...job, made: true }));
    const changed = await copyFiles(jobs, this.#signal);
    if (changed === undefined) return;
    const job = this.#jobs.get(changed.to);
    throw (job && this.#changed.get(job)?.()) ?? new Error(`${changed.to} could not be written`);
  }
}
