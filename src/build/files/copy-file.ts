import { closeSync, fchmodSync, fchownSync, openSync, readSync, writeSync } from 'node:fs';
import { copyFileRange, lsetXattr, lutimeNanos } from '../../linux/index.ts';
import type { FileSource } from './read-file.ts';
import { isUnchanged, openUnchanged } from './read-file.ts';

/** A regular file to be copied to a place where nothing is yet, or an empty one. */
export interface CopyJob {
  readonly source: FileSource;
  /** Absolute. */
  readonly to: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** `name=hex` */
  readonly xattrs: readonly string[];
  /** It is there already, with its size, owner and mode. */
  readonly made?: boolean;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Copies one file. `false`: it is not what it was when it was looked at; what is at `to` then is of no use.
 * @throws {Error} `ENOSPC`, `EEXIST`
 */
export function copyFile(job: CopyJob): boolean {
  const { source, to } = job;
  const from = openUnchanged(source);
  if (from === undefined) return false;
  const finish = (): boolean => {
    lutimeNanos(to, job.mtimeNs, job.mtimeNs);
    return isUnchanged(source, from);
  };
  try {
    const out = openSync(to, job.made === true ? 'r+' : 'wx', 0o600);
    try {
      copyContent(from, out);
      if (job.made === true) return finish();
      // Owner before attributes and mode: chown clears set-uid and capabilities.
      fchownSync(out, job.uid, job.gid);
      setXattrs(to, job.xattrs);
      fchmodSync(out, job.mode);
    } finally {
      closeSync(out);
    }
    return finish();
  } finally {
    closeSync(from);
  }
}

/** Sets extended attributes that are written `name=hex`. */
export function setXattrs(path: string, xattrs: readonly string[]): void {
  for (const text of xattrs) {
    const equals = text.lastIndexOf('=');
    lsetXattr(path, text.slice(0, equals), Buffer.from(text.slice(equals + 1), 'hex'));
  }
}

function copyContent(from: number, to: number): void {
  let copied = copyFileRange(from, to);
  if (copied !== undefined) {
    while (copied !== undefined && copied > 0) copied = copyFileRange(from, to);
    return;
  }
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let n = readSync(from, chunk); n > 0; n = readSync(from, chunk)) {
    for (let at = 0; at < n; ) at += writeSync(to, chunk, at, n - at);
  }
}
