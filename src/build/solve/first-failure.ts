import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

/** What went wrong first: when releasing failed as well, that is told to the log only. */
export function firstFailure(e: unknown, log: Logger): unknown {
  let first = e;
  while (first instanceof SuppressedError) {
    log.warn('a build could not give everything back', { error: messageOf(first.error) });
    first = first.suppressed;
  }
  return first;
}
