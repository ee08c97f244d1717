import { FrameParser } from '../../core/frames.ts';
import { messageOf } from '../../core/errors.ts';
import type { Collection } from '../../storage/index.ts';
import type { HealthLogEntry, HealthState } from '../../core/wire/container.ts';
import { startFailureOf } from '../../runtime/index.ts';
import type { ExecTable } from '../exec/execs.ts';
import type { Context, HealthProbes } from './context.ts';
import { publish } from './context.ts';
import type { HealthCheck } from './health-check.ts';
import { afterProbe, healthCheckOf, INITIAL_HEALTH, ProbeOutput, probeDelay } from './health-check.ts';
import { isLive } from './state.ts';
import { millisOf, nowRfc3339 } from './time.ts';

/** Runs the health checks of running containers, each at its own pace; the next wait begins when a probe ended. */
export class HealthMonitor implements HealthProbes {
  readonly #ctx: () => Context;
  readonly #execs: ExecTable;
  readonly #health = new Map<string, HealthState>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(ctx: () => Context, execs: ExecTable) {
    this.#ctx = ctx;
    this.#execs = execs;
  }

  of(containerId: string): HealthState | undefined {
    const known = this.#health.get(containerId) ?? this.#recorded().get(containerId);
    if (known !== undefined) return known;
    // Ended before this daemon was started; a container that never ran has no health yet.
    const record = this.#ctx().store.find(containerId);
    if (record === undefined || record.state.kind === 'created') return undefined;
    if (healthCheckOf(record.config.Healthcheck, record.config.Shell) === undefined) {
      return undefined;
    }
    return { Status: isLive(record.state) ? 'starting' : 'unhealthy', FailingStreak: 0, Log: [] };
  }

  begin(containerId: string): void {
    const record = this.#ctx().store.get(containerId);
    const check = healthCheckOf(record.config.Healthcheck, record.config.Shell);
    if (check === undefined) return;
    this.#set(containerId, INITIAL_HEALTH);
    this.#schedule(containerId, check);
  }

  /** Goes on with a container that ran while no daemon was there; what was known of it still holds. */
  resume(containerId: string): void {
    const record = this.#ctx().store.get(containerId);
    const check = healthCheckOf(record.config.Healthcheck, record.config.Shell);
    if (check === undefined) return;
    this.#health.set(containerId, this.#recorded().get(containerId) ?? INITIAL_HEALTH);
    this.#schedule(containerId, check);
  }

  end(containerId: string): void {
    clearTimeout(this.#timers.get(containerId));
    this.#timers.delete(containerId);
    const health = this.#health.get(containerId);
    if (health !== undefined) this.#set(containerId, { ...health, Status: 'unhealthy' });
  }

  forget(containerId: string): void {
    this.#health.delete(containerId);
    this.end(containerId);
    this.#recorded().delete(containerId);
  }

  /** Stops all probing; what was known stays. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #recorded(): Collection<HealthState> {
    return this.#ctx().options.storage.db.collection<HealthState>('health');
  }

  #set(containerId: string, health: HealthState): void {
    this.#health.set(containerId, health);
    this.#recorded().put(containerId, health);
  }

  #schedule(containerId: string, check: HealthCheck): void {
    const health = this.#health.get(containerId);
    if (health === undefined || this.#ctx().closing) return;
    const timer = setTimeout(
      () => void this.#probe(containerId, check, timer),
      probeDelay(health, check, this.#sinceStart(containerId)),
    );
    timer.unref();
    this.#timers.set(containerId, timer);
  }

  async #probe(containerId: string, check: HealthCheck, timer: NodeJS.Timeout): Promise<void> {
    const ctx = this.#ctx();
    const record = ctx.store.find(containerId);
    if (record === undefined || !isLive(record.state)) return;
    if (record.state.kind === 'running') {
      const result = await runProbe(this.#execs, record, check);
      // Ended meanwhile, or ended and started again: this result says nothing any more.
      if (this.#timers.get(containerId) !== timer) return;
      const before = this.#health.get(containerId) ?? INITIAL_HEALTH;
      const after = afterProbe(before, result, check, this.#sinceStart(containerId));
      this.#set(containerId, after);
      if (after.Status !== before.Status) publish(ctx, record, `health_status: ${after.Status}`);
    }
    this.#schedule(containerId, check);
  }

  #sinceStart(containerId: string): number {
    const state = this.#ctx().store.find(containerId)?.state;
    return state !== undefined && isLive(state) ? Date.now() - millisOf(state.startedAt) : 0;
  }
}

/** One probe: its exit code and output; killed at the timeout it counts as -1. */
async function runProbe(
  execs: ExecTable,
  record: Parameters<ExecTable['probe']>[0],
  check: HealthCheck,
): Promise<HealthLogEntry> {
  const Start = nowRfc3339();
  const output = new ProbeOutput();
  let probe: Awaited<ReturnType<ExecTable['probe']>>;
  try {
    probe = await execs.probe(record, check.argv);
  } catch (error) {
    return { Start, End: nowRfc3339(), ExitCode: startFailureOf(error), Output: messageOf(error) };
  }
  const frames = new FrameParser();
  probe.output.on('data', (chunk: Buffer) => {
    for (const frame of frames.push(chunk)) output.add(frame.payload);
  });
  const drained = new Promise<void>((resolve) => {
    probe.output.once('end', resolve).once('close', resolve);
  });
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), check.timeoutMs);
  const ended = await Promise.race([probe.exitCode, late.promise]);
  clearTimeout(timer);
  if (ended !== 'late') {
    await drained; // all output of an ended process is delivered, then its stream ends
    probe.output.destroy();
    return { Start, End: nowRfc3339(), ExitCode: ended, Output: output.toString() };
  }
  try {
    process.kill(probe.pid, 'SIGKILL');
  } catch {
    // It ended just now.
  }
  probe.output.destroy();
  const said = output.toString();
  return {
    Start,
    End: nowRfc3339(),
    ExitCode: -1,
    Output: `Health check exceeded timeout (${goDuration(check.timeoutMs)})${said === '' ? '' : `: ${said}`}`,
  };
}

/** `30s`, `1m30s`, `500ms`, as Go prints a duration. */
export function goDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const seconds = milliseconds / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}`;
}
