import type { HealthConfig } from '../../core/oci.ts';
import type { HealthLogEntry, HealthState } from '../../core/wire/container.ts';

const NANOS_PER_MS = 1_000_000;
const KEPT_RESULTS = 5;
const OUTPUT_LIMIT = 4096;

/** A container's check with Docker's defaults filled in; times in milliseconds. */
export interface HealthCheck {
  readonly argv: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** `undefined`: this container has none (no test, or `NONE`). `shell` runs a CMD-SHELL test. */
export function healthCheckOf(
  config: HealthConfig | undefined,
  shell: readonly string[] | null | undefined,
): HealthCheck | undefined {
  const [kind, ...rest] = config?.Test ?? [];
  if (config === undefined || kind === undefined || kind === '' || kind === 'NONE' || rest.length === 0)
    return undefined;
  const ms = (nanos: number | undefined, fallback: number) => (nanos ? nanos / NANOS_PER_MS : fallback);
  return {
    argv: kind === 'CMD-SHELL' ? [...(shell?.length ? shell : ['/bin/sh', '-c']), ...rest] : rest,
    intervalMs: ms(config.Interval, 30_000),
    timeoutMs: ms(config.Timeout, 30_000),
    startPeriodMs: ms(config.StartPeriod, 0),
    startIntervalMs: ms(config.StartInterval, 5_000),
    retries: config.Retries || 3,
  };
}

export const INITIAL_HEALTH: HealthState = { Status: 'starting', FailingStreak: 0, Log: [] };

/**
 * The health after one more result. Success is healthy at once; failures count from the end of the start period (before it
 * only while nothing succeeded yet they do not), and `retries` in a row are unhealthy. Pure.
 */
export function afterProbe(
  health: HealthState,
  result: HealthLogEntry,
  check: HealthCheck,
  sinceStartMs: number,
): HealthState {
  const Log = [...(health.Log ?? []), result].slice(-KEPT_RESULTS);
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log };
  if (health.Status === 'starting' && sinceStartMs < check.startPeriodMs) return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  return { Status: FailingStreak >= check.retries ? 'unhealthy' : health.Status, FailingStreak, Log };
}

/** Milliseconds until the next probe. */
export function probeDelay(health: HealthState, check: HealthCheck, sinceStartMs: number): number {
  const inStartPeriod = health.Status === 'starting' && sinceStartMs < check.startPeriodMs;
  return inStartPeriod ? Math.min(check.startIntervalMs, check.intervalMs) : check.intervalMs;
}

/** Gathers a probe's output up to the limit. */
export class ProbeOutput {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #cut = false;

  add(chunk: Buffer): void {
    const take = chunk.subarray(0, Math.max(0, OUTPUT_LIMIT - this.#bytes));
    if (take.length > 0) this.#chunks.push(take);
    this.#bytes += take.length;
    if (take.length < chunk.length) this.#cut = true;
  }

  toString(): string {
    return `${Buffer.concat(this.#chunks).toString('utf8')}${this.#cut ? '...' : ''}`;
  }
}
