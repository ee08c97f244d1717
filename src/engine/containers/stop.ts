import { invalidParameter, messageOf } from '../../core/errors.ts';
import { requestFailed, stateConflict } from '../errors.ts';
import type { Context } from './context.ts';
import { publish } from './context.ts';
import { cancelRestart } from './exit.ts';
import { parseSignal, SIGKILL, SIGTERM } from './signals.ts';
import { BY_HAND, startLocked } from './start.ts';
import { exitCodeOf, isLive } from './state.ts';
import type { Ended } from './waiters.ts';
import { within } from './within.ts';

/** How long a killed process may take to go, in milliseconds. */
const KILL_DEADLINE_MS = 10_000;
const DEFAULT_GRACE_SECONDS = 10;

export interface StopOptions {
  readonly signal?: string | undefined;
  /** `undefined`: the container's own; negative: for ever. */
  readonly timeoutSeconds?: number | undefined;
}

/**
 * Ends a container's process: the stop signal, after the grace period SIGKILL. `byHand` keeps its policy from bringing it
 * back at the next boot. Resolves to whether there was something to stop, when the exit is recorded.
 */
export async function stop(ctx: Context, id: string, options: StopOptions, byHand: boolean): Promise<boolean> {
  const { config, name: containerName } = ctx.store.get(id);
  const name = options.signal || config.StopSignal;
  const signal = name ? parseSignal(name) : SIGTERM;
  if (signal === undefined) {
    throw requestFailed({ message: `cannot stop container: ${containerName}: invalid signal: ${name}` });
  }
  const graceSeconds = options.timeoutSeconds ?? config.StopTimeout ?? DEFAULT_GRACE_SECONDS;

  const ended = await ctx.lock.run(id, async (): Promise<'idle' | 'cancelled' | { readonly gone: Promise<Ended> }> => {
    const record = ctx.store.find(id);
    if (record === undefined) return 'idle';
    if (record.state.kind === 'restarting') {
      giveUpRestart(ctx, id, byHand);
      return 'cancelled';
    }
    if (!isLive(record.state)) return 'idle';
    try {
      ctx.store.change(id, { manuallyStopped: byHand || record.manuallyStopped, restartCancelled: true });
    } catch (e) {
      // On a full disk too a container can be stopped.
      ctx.log.warn('cannot record that a container is being stopped', { containerId: id, error: messageOf(e) });
    }
    const gone = ctx.waiters.next(id, 'exit');
    await send(ctx, id, signal);
    return { gone };
  });
  if (ended === 'idle') return false;
  if (ended !== 'cancelled') {
    const isGone = await within(ended.gone, graceSeconds < 0 ? Infinity : graceSeconds * 1000);
    if (!isGone) await killAndWait(ctx, id, ended.gone);
  }
  const record = ctx.store.find(id);
  if (record !== undefined) publish(ctx, record, 'stop');
  // What was stopped by hand stays so when the machine comes up without its last moments. A full disk does not keep it running.
  await ctx.options.storage.db.synced().catch((e: unknown) => {
    ctx.log.warn('cannot bring to disk that a container was stopped', { containerId: id, error: messageOf(e) });
  });
  return true;
}

/** A container that waits for its next start stays as it is. The caller holds its lock. */
function giveUpRestart(ctx: Context, id: string, byHand: boolean): void {
  cancelRestart(ctx, id);
  const fields = { ...(byHand ? { manuallyStopped: true } : {}), restartCancelled: true };
  const { state } = ctx.store.apply(id, { kind: 'restartCancelled' }, fields);
  ctx.waiters.exited(id, { exitCode: exitCodeOf(state) });
}

/** Sends a signal to a live container's process and says so; a frozen one is thawed, else it would never see it. */
async function send(ctx: Context, id: string, signal: number): Promise<void> {
  const record = ctx.store.get(id);
  await ctx.options.runtime.kill(id, signal);
  publish(ctx, record, 'kill', { signal: String(signal) });
  if (record.state.kind === 'paused') {
    await ctx.options.runtime.resume(id);
    ctx.store.apply(id, { kind: 'unpaused' });
  }
}

/** SIGKILL, and the recorded exit. @throws {WharfError} if the process does not go */
async function killAndWait(ctx: Context, id: string, gone: Promise<Ended>): Promise<void> {
  await ctx.lock.run(id, async () => {
    const record = ctx.store.find(id);
    if (record !== undefined && isLive(record.state)) await send(ctx, id, SIGKILL);
  });
  if (!(await within(gone, KILL_DEADLINE_MS))) {
    throw requestFailed({ message: `container ${id} PID does not exit after SIGKILL` });
  }
}

/** Kills a container without grace and waits for its recorded exit; no policy brings it back. For forced removal. */
export async function killNow(ctx: Context, id: string): Promise<void> {
  const gone = await ctx.lock.run(id, async () => {
    const record = ctx.store.find(id);
    if (record?.state.kind === 'restarting') {
      giveUpRestart(ctx, id, false);
      return undefined;
    }
    if (record === undefined || !isLive(record.state)) return undefined;
    ctx.store.change(id, { manuallyStopped: true, restartCancelled: true });
    const ended = ctx.waiters.next(id, 'exit');
    await send(ctx, id, SIGKILL);
    return { ended };
  });
  if (gone !== undefined && !(await within(gone.ended, KILL_DEADLINE_MS))) {
    throw requestFailed({ message: `container ${id} PID does not exit after SIGKILL` });
  }
}

/** `docker kill`. @throws {WharfError} `STATE_CONFLICT` if it does not run; `INVALID_PARAMETER` at an unknown signal */
export async function kill(ctx: Context, id: string, text: string): Promise<void> {
  const { name, config } = ctx.store.get(id);
  const signal = text === '' ? SIGKILL : parseSignal(text);
  if (signal === undefined)
    throw invalidParameter({ message: `cannot kill container: ${name}: invalid signal: ${text}` });
  const gone = await ctx.lock.run(id, async () => {
    const record = ctx.store.get(id);
    if (record.state.kind === 'restarting') {
      giveUpRestart(ctx, id, true);
      return undefined;
    }
    if (!isLive(record.state)) {
      throw stateConflict({ message: `cannot kill container: ${name}: container ${id} is not running` });
    }
    // Docker: any signal counts as a stop by hand, unless the container has a stop signal and this is another one.
    const stopSignal = config.StopSignal ? parseSignal(config.StopSignal) : undefined;
    const cancels = stopSignal === undefined || signal === stopSignal || signal === SIGKILL;
    ctx.store.change(id, { manuallyStopped: true, restartCancelled: cancels || record.restartCancelled });
    const ended = signal === SIGKILL ? ctx.waiters.next(id, 'exit') : undefined;
    if (signal === SIGKILL) await send(ctx, id, signal);
    else {
      await ctx.options.runtime.kill(id, signal);
      publish(ctx, record, 'kill', { signal: String(signal) });
    }
    return ended === undefined ? undefined : { ended };
  });
  if (gone !== undefined) await within(gone.ended, KILL_DEADLINE_MS);
}

/** Stops, if it runs, and starts; a container that removes itself stays. */
export async function restart(ctx: Context, id: string, options: StopOptions): Promise<void> {
  ctx.held.add(id);
  try {
    await stop(ctx, id, options, false);
  } finally {
    ctx.held.delete(id);
  }
  await ctx.lock.run(id, async () => {
    if (!isLive(ctx.store.get(id).state)) await startLocked(ctx, id, BY_HAND);
  });
  publish(ctx, ctx.store.get(id), 'restart');
}
