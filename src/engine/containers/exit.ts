import { messageOf } from '../../core/errors.ts';
import type { ExitRecord } from '../../runtime/index.ts';
import { releaseSharedMemory } from '../../runtime/index.ts';
import { StartError } from '../errors.ts';
import type { Context } from './context.ts';
import { publish } from './context.ts';
import { disconnected, publishNetworkEvents } from './endpoints.ts';
import type { ContainerRecord } from './record.ts';
import { removeLocked } from './remove-locked.ts';
import { restartDelay } from './restart-policy.ts';
import { publishMountEvents, startLocked } from './start.ts';
import { isLive, runOf } from './state.ts';
import { millisOf } from './time.ts';
import { releaseVolumes } from './volume-holds.ts';

/**
 * Takes in that a container's process has ended: gives back what it held, records the exit, restarts or removes as its
 * policy says, and only then acknowledges, so that a crash on the way loses nothing.
 */
export async function handleExit(ctx: Context, exit: ExitRecord): Promise<void> {
  try {
    await ctx.lock.run(exit.containerId, () => exitLocked(ctx, exit));
  } catch (error) {
    ctx.log.error('exit of a container could not be taken in', {
      containerId: exit.containerId,
      error: messageOf(error),
    });
  }
}

async function exitLocked(ctx: Context, exit: ExitRecord): Promise<void> {
  const { id, record } = { id: exit.containerId, record: ctx.store.find(exit.containerId) };
  // A start that failed after the process was made, or an exit that was taken in before the daemon died.
  if (record === undefined || !isLive(record.state)) {
    await ctx.options.runtime.ackExit(exit);
    return;
  }
  const { startedAt } = record.state;
  ctx.health.end(id);
  ctx.execs.containerEnded(id);
  const isMissed = holdsNamed(record);
  if (isMissed) await giveBack(ctx, record);
  publishGivenBack(ctx, record);

  const suppressed = ctx.closing || ctx.held.has(id);
  const delay = restartDelay(record.hostConfig.RestartPolicy, {
    exitCode: exit.code,
    ranForMs: millisOfRun(startedAt, exit),
    restartCount: record.restartCount,
    lastDelayMs: record.restartDelayMs,
    cancelled: suppressed || record.restartCancelled,
  });
  const retryAt = delay === null ? null : new Date(Date.now() + delay).toISOString();
  const after = ctx.store.apply(
    id,
    { kind: 'died', exit: { code: exit.code, at: exit.at, oomKilled: exit.oomKilled }, retryAt },
    { attachments: disconnected(record.attachments), ports: [] },
  );
  const acknowledged = ctx.options.runtime.ackExit(exit);
  const rest = async (): Promise<void> => {
    await answered();
    if (!isMissed) await giveBack(ctx, record);
    await tidyUp(ctx, record);
  };
  publishEnd(ctx, after);
  ctx.waiters.exited(id, { exitCode: exit.code });
  if (delay !== null) scheduleRestart(ctx, after, delay);
  else if (record.hostConfig.AutoRemove && !ctx.held.has(id)) {
    ctx.waiters.remember(id, { exitCode: exit.code });
    // Who has waited for the removal is answered when nobody else can meet the container any more; the rest comes after.
    await removeLocked(ctx, after, true, rest);
    await acknowledged;
    return;
  }
  await rest();
  await acknowledged;
}

/** How long a run took; the clock may have been set back meanwhile. */
function millisOfRun(startedAt: string, exit: { readonly at: string }): number {
  return Math.max(0, millisOf(exit.at) - millisOf(startedAt));
}

/** Whether a container holds something that somebody else could ask for by its name: a network, an address, a port, a volume. */
function holdsNamed({ hostConfig: host, attachments, ports, mounts }: ContainerRecord): boolean {
  return (
    ports.length > 0 ||
    mounts.some((m) => m.kind === 'volume' || m.kind === 'image') ||
    Boolean(host.PidMode) ||
    host.IpcMode === 'shareable' ||
    attachments.some((a) => a.network !== 'bridge' && a.network !== 'none' && a.network !== 'host')
  );
}

/** Tells how the last run ended. */
export function publishEnd(ctx: Context, record: ContainerRecord): void {
  const run = runOf(record.state);
  if (run === null) return;
  const { startedAt, exit } = run;
  if (exit.oomKilled) publish(ctx, record, 'oom');
  publish(ctx, record, 'die', {
    execDuration: String(Math.floor(millisOfRun(startedAt, exit) / 1000)),
    exitCode: String(exit.code),
  });
}

/** Gives back what a run held in the kernel; goes on past failures, which are logged. */
export async function release(ctx: Context, record: ContainerRecord): Promise<void> {
  await giveBack(ctx, record);
  publishGivenBack(ctx, record);
  await tidyUp(ctx, record);
}

/** What others may want at once: names, addresses, ports, volumes. */
async function giveBack(ctx: Context, record: ContainerRecord): Promise<void> {
  ctx.specs.delete(record.id);
  // Processes of a namespace that goes on may still write to volumes: they are ended first.
  if (record.hostConfig.PidMode) await attempt(ctx, record, () => ctx.options.runtime.delete(record.id));
  await attempt(ctx, record, () => ctx.options.networks.closeSandbox(record.id));
  await releaseVolumes(ctx, record);
  if (record.hostConfig.IpcMode === 'shareable') releaseSharedMemory(ctx.options.execRoot, record.id);
}

function publishGivenBack(ctx: Context, record: ContainerRecord): void {
  publishNetworkEvents(ctx, record, record.attachments, 'disconnect');
  publishMountEvents(ctx, record, 'unmount');
}

/** What only the container itself had; until this is done nobody else takes its lock. */
async function tidyUp(ctx: Context, record: ContainerRecord): Promise<void> {
  const { runtime, storage } = ctx.options;
  await Promise.all([
    attempt(ctx, record, () => runtime.delete(record.id)),
    attempt(ctx, record, () => storage.snapshots.unmount(record.id)),
  ]);
}

async function attempt(ctx: Context, record: ContainerRecord, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    ctx.log.warn('something of a container could not be released', {
      containerId: record.id,
      error: messageOf(error),
    });
  }
}

/** Answers to clients that wait are on their way. */
function answered(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Starts a container again after a delay in milliseconds, unless something else happens to it before. */
function scheduleRestart(ctx: Context, record: ContainerRecord, delayMs: number): void {
  const { id } = record;
  clearTimeout(ctx.retries.get(id));
  const timer = setTimeout(() => {
    ctx.retries.delete(id);
    void ctx.lock.run(id, async () => {
      const now = ctx.store.find(id);
      if (now?.state.kind !== 'restarting' || ctx.closing) return;
      const restartCount = now.restartCount + 1;
      const retryDelay = (failure: StartError) =>
        failure.isRetried
          ? restartDelay(now.hostConfig.RestartPolicy, {
              exitCode: failure.exitCode,
              ranForMs: 0,
              restartCount,
              lastDelayMs: delayMs,
              cancelled: ctx.closing,
            })
          : null;
      try {
        await startLocked(ctx, id, { restartCount, restartDelayMs: delayMs, retryDelay });
      } catch (error) {
        ctx.log.warn('a container could not be restarted', { containerId: id, error: messageOf(error) });
        const failed = ctx.store.get(id);
        const delay = error instanceof StartError ? retryDelay(error) : null;
        if (failed.state.kind === 'restarting' && delay !== null) scheduleRestart(ctx, failed, delay);
      }
    });
  }, delayMs);
  timer.unref();
  ctx.retries.set(id, timer);
}

/** Forgets a pending restart. */
export function cancelRestart(ctx: Context, id: string): void {
  clearTimeout(ctx.retries.get(id));
  ctx.retries.delete(id);
}
