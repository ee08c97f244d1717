import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { openBeneath } from '../../linux/index.ts';
import { type Identity, isSame } from './known-files.ts';

/** A directory whose files are read. */
export interface Place {
  readonly root: string;
  /** A descriptor of it, if somebody else may change it meanwhile: then no symlink in it is ever followed. */
  readonly fd: number | undefined;
}

/** A file in it, and what it was when it was looked at. */
export interface FileSource {
  readonly place: Place;
  readonly path: string;
  readonly stat: Identity;
}

const CHUNK_BYTES = 1024 * 1024;
let chunk: Buffer | undefined;

/**
 * Opens a file for reading, links not followed.
 * @returns `undefined` if it is not there any more, or has been changed
 */
export function openUnchanged(source: FileSource): number | undefined {
  const { path } = source;
  const { root, fd: directory } = source.place;
  if (directory === undefined) return openSync(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  let fd: number;
  try {
    fd = openBeneath(directory, path);
  } catch (e) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'].includes(errnoOf(e) ?? '')) return undefined;
    throw e;
  }
  if (isUnchanged(source, fd)) return fd;
  closeSync(fd);
  return undefined;
}

/** Whether an open file still is what it was. Of places that nobody changes this is not asked. */
export function isUnchanged({ place, stat }: FileSource, fd: number): boolean {
  return place.fd === undefined || isSame(fstatSync(fd, { bigint: true }), stat);
}

/** SHA-256 of a file in hexadecimal; `undefined` if it was changed since it was looked at, or is being changed. */
export function digestOf(source: FileSource): string | undefined {
  const fd = openUnchanged(source);
  if (fd === undefined) return undefined;
  chunk ??= Buffer.allocUnsafe(CHUNK_BYTES);
  const hash = createHash('sha256');
  try {
    for (let n = readSync(fd, chunk); n > 0; n = readSync(fd, chunk)) hash.update(chunk.subarray(0, n));
    return isUnchanged(source, fd) ? hash.digest('hex') : undefined;
  } finally {
    closeSync(fd);
  }
}
