import type { RestartPolicy } from '../../core/wire/container.ts';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** A run of this length counts as a success: the next delay is the first one again. */
const STEADY_RUN_MS = 10_000;

export interface EndedRun {
  readonly exitCode: number;
  readonly ranForMs: number;
  /** Restarts by policy since the last start by hand. */
  readonly restartCount: number;
  /** The delay before this run, 0 for a start by hand. */
  readonly lastDelayMs: number;
  /** Stopped or killed by hand: no policy brings it back. */
  readonly cancelled: boolean;
}

/** Milliseconds until the next start, or `null` for none. Pure. */
export function restartDelay(policy: RestartPolicy | undefined, run: EndedRun): number | null {
  if (run.cancelled || !wantsRestart(policy, run)) return null;
  if (run.lastDelayMs === 0 || run.ranForMs >= STEADY_RUN_MS) return FIRST_DELAY_MS;
  return Math.min(run.lastDelayMs * 2, LONGEST_DELAY_MS);
}

function wantsRestart(policy: RestartPolicy | undefined, run: EndedRun): boolean {
  switch (policy?.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure': {
      const most = policy.MaximumRetryCount ?? 0;
      return run.exitCode !== 0 && (most === 0 || run.restartCount < most);
    }
    default:
      return false;
  }
}

/**
 * Whether a stopped container is started when the daemon starts. `always` comes back even after a stop by hand,
 * `unless-stopped` does not (Docker's rule).
 */
export function startsAtBoot(
  policy: RestartPolicy | undefined,
  last: { readonly exitCode: number; readonly everRan: boolean; readonly manuallyStopped: boolean },
): boolean {
  if (!last.everRan) return false;
  switch (policy?.Name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !last.manuallyStopped;
    case 'on-failure':
      return !last.manuallyStopped && last.exitCode !== 0;
    default:
      return false;
  }
}
