import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { mount } from '../../linux/index.ts';

/** The kernel takes one page of mount options, its last byte a NUL. */
const MAX_OPTIONS = 4095;

export interface OverlayMount {
  /** Directory that holds all of `lower`; deep stacks are named relative to it. */
  readonly base: string;
  /** Paths relative to `base`, topmost first; at least one. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
}

/**
 * Mounts an overlay. Stacks whose paths do not fit the page of options are named through `/proc/self/fd/N`, which is as short as
 * can be and needs no change of directory. @throws {SystemCallError}
 */
export function mountOverlay({ base, lower, upper, work, target }: OverlayMount): void {
  // What would make the upper directory more than plain changes is off: those features cannot be put into a layer's tar.
  const rest = `,upperdir=${escapePath(upper)},workdir=${escapePath(work)},index=off,redirect_dir=off,metacopy=off`;
  const plain = `lowerdir=${lower.map((path) => escapePath(join(base, path))).join(':')}${rest}`;
  if (Buffer.byteLength(plain) <= MAX_OPTIONS) {
    mount({ source: 'overlay', target, type: 'overlay', data: plain });
    return;
  }
  const fd = openSync(base, 'r');
  try {
    const short = `lowerdir=${lower.map((path) => `/proc/self/fd/${fd}/${path}`).join(':')}${rest}`;
    mount({ source: 'overlay', target, type: 'overlay', data: short });
  } finally {
    closeSync(fd);
  }
}

/** Overlayfs reads `:` and `,` in paths as separators. */
function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}
