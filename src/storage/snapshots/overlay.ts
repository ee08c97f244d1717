import { closeSync, openSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { mount } from '../../linux/index.ts';
import { maxDepthExceeded } from '../errors.ts';

/** The kernel takes one page of mount options, its last byte a NUL. */
const MAX_OPTIONS = 4095;

/** Linux has `volatile` since 5.10. */
let knowsVolatile = true;

export interface OverlayMount {
  /** Directory that holds all of `lower`; deep stacks are named relative to it. */
  readonly base: string;
  /** Paths relative to `base`, topmost first; at least one. */
  readonly lower: readonly string[];
  readonly upper: string;
  /** Beside `upper`. */
  readonly work: string;
  readonly target: string;
  /** Nothing in it is brought to disk, whoever asks. */
  readonly volatile?: boolean;
}

/**
 * Mounts an overlay. Stacks whose paths do not fit the page of options are named through `/proc/self/fd/N`, which is as short as
 * can be and needs no change of directory. @throws {SystemCallError}
 */
export function mountOverlay(overlay: OverlayMount): void {
  // The kernel refuses what was mounted volatile before, as it could be the remains of a crash.
  if (overlay.volatile) rmSync(join(overlay.work, 'work/incompat'), { recursive: true, force: true });
  if (!overlay.volatile || !knowsVolatile) return mountWith(overlay, '');
  try {
    mountWith(overlay, ',volatile');
  } catch (e) {
    if (errnoOf(e) !== 'EINVAL') throw e;
    mountWith(overlay, '');
    knowsVolatile = false;
  }
}

function mountWith({ base, lower, upper, work, target }: OverlayMount, further: string): void {
  // What would make the upper directory more than plain changes is off: those features cannot be put into a layer's tar.
  const options = (lowerBase: string, ownBase: string): string =>
    `lowerdir=${lower.map((path) => escapePath(join(lowerBase, path))).join(':')}` +
    `,upperdir=${escapePath(join(ownBase, basename(upper)))},workdir=${escapePath(join(ownBase, basename(work)))}` +
    `,index=off,redirect_dir=off,metacopy=off${further}`;
  const plain = options(base, dirname(upper));
  if (Buffer.byteLength(plain) <= MAX_OPTIONS) {
    mount({ source: 'overlay', target, type: 'overlay', data: plain });
    return;
  }
  const lowerFd = openSync(base, 'r');
  const ownFd = openSync(dirname(upper), 'r');
  try {
    const data = options(`/proc/self/fd/${lowerFd}`, `/proc/self/fd/${ownFd}`);
    if (Buffer.byteLength(data) > MAX_OPTIONS) throw maxDepthExceeded({ layers: lower.length });
    mount({ source: 'overlay', target, type: 'overlay', data });
  } finally {
    closeSync(ownFd);
    closeSync(lowerFd);
  }
}

/** Overlayfs reads `:` and `,` in paths as separators. */
function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}
