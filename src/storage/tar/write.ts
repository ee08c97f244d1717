import { writeSync } from 'node:fs';

/**
 * The kernel caches what is written in units as large as one call's bytes. Up to 32 KiB it has them from each processor's list of
 * pages that were free a moment ago; larger ones come from the depth of memory, which takes up to ten times as long where a host
 * has to provide it first.
 */
const PIECE = 32 * 1024;

/** Writes all of it to a file that grows, at a place or where the last write ended. */
export function writeWhole(fd: number, bytes: Uint8Array, place?: number): void {
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(PIECE, bytes.length - at);
    at += writeSync(fd, bytes, at, length, place === undefined ? null : place + at);
  }
}
