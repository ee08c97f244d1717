import { unreachable } from '../../core/errors.ts';
import type { ContainerStateWire, HealthState } from '../../core/wire/container.ts';
import { stateConflict } from '../errors.ts';
import { NEVER } from './time.ts';

/** How a run ended. Times are RFC 3339. */
export interface Exit {
  readonly code: number;
  readonly at: string;
  readonly oomKilled: boolean;
}
/** Why the last attempt to start did not come to a run. */
export interface StartFailure {
  readonly message: string;
  readonly exitCode: number;
}
/** What exists only in a state lives only in that variant. `ran` is the run before, as far as there was one. */
export interface Run {
  readonly startedAt: string;
  readonly exit: Exit;
}
export type ContainerState =
  | { readonly kind: 'created'; readonly failure: StartFailure | null }
  | { readonly kind: 'running' | 'paused'; readonly pid: number; readonly startedAt: string; readonly ran: Run | null }
  | {
      readonly kind: 'restarting';
      readonly ran: Run;
      readonly retryAt: string;
      /** The start before this wait failed. */
      readonly failure?: StartFailure | null;
    }
  | { readonly kind: 'exited'; readonly ran: Run; readonly failure: StartFailure | null }
  | { readonly kind: 'removing' | 'dead'; readonly ran: Run | null };

export type ContainerEvent =
  | { readonly kind: 'started'; readonly pid: number; readonly at: string }
  /** With `retryAt` a policy tries again. */
  | { readonly kind: 'startFailed'; readonly failure: StartFailure; readonly retryAt?: string | null }
  | { readonly kind: 'paused' | 'unpaused' }
  | { readonly kind: 'died'; readonly exit: Exit; readonly retryAt: string | null }
  /** A container that waited for its next start will not get one. */
  | { readonly kind: 'restartCancelled' }
  | { readonly kind: 'removalBegun' | 'removalFailed' };

/** Whether there is a process. */
export function isLive(
  state: ContainerState,
): state is Extract<ContainerState, { readonly kind: 'running' | 'paused' }> {
  return state.kind === 'running' || state.kind === 'paused';
}

/** The one place where a container changes state. Pure; the caller stores and publishes the result. */
export function next(state: ContainerState, event: ContainerEvent): ContainerState {
  const gone = state.kind === 'removing' || state.kind === 'dead';
  switch (event.kind) {
    case 'started':
      if (isLive(state) || gone) break;
      return { kind: 'running', pid: event.pid, startedAt: event.at, ran: runOf(state) };
    case 'startFailed':
      if (isLive(state) || gone) break;
      if (state.kind === 'restarting' && event.retryAt) {
        return { kind: 'restarting', ran: state.ran, retryAt: event.retryAt, failure: event.failure };
      }
      if (state.kind === 'exited' || state.kind === 'restarting') {
        return { kind: 'exited', ran: state.ran, failure: event.failure };
      }
      return { kind: 'created', failure: event.failure };
    case 'paused':
      if (state.kind !== 'running') break;
      return { ...state, kind: 'paused' };
    case 'unpaused':
      if (state.kind !== 'paused') break;
      return { ...state, kind: 'running' };
    case 'died': {
      if (!isLive(state)) break;
      const ran = { startedAt: state.startedAt, exit: event.exit };
      return event.retryAt === null
        ? { kind: 'exited', ran, failure: null }
        : { kind: 'restarting', ran, retryAt: event.retryAt };
    }
    case 'restartCancelled':
      if (state.kind !== 'restarting') break;
      return { kind: 'exited', ran: state.ran, failure: state.failure ?? null };
    case 'removalBegun':
      if (isLive(state) || state.kind === 'removing' || state.kind === 'restarting') break;
      return { kind: 'removing', ran: runOf(state) };
    case 'removalFailed':
      if (state.kind !== 'removing') break;
      return { kind: 'dead', ran: state.ran };
    default:
      return unreachable(event);
  }
  throw stateConflict({ message: `a container that is ${state.kind} cannot take "${event.kind}"` });
}

/** The run before the present state; of a live container, the run before this one. */
export function runOf(state: ContainerState): Run | null {
  return state.kind === 'created' ? null : state.ran;
}

/** The exit code that clients see: of the failed start, else of the last run, 0 while there is none or it goes on. */
export function exitCodeOf(state: ContainerState): number {
  if (isLive(state)) return 0;
  const failure = failureOf(state);
  if (failure !== null) return failure.exitCode;
  return runOf(state)?.exit.code ?? 0;
}

function failureOf(state: ContainerState): StartFailure | null {
  if (state.kind === 'created' || state.kind === 'exited') return state.failure;
  return state.kind === 'restarting' ? (state.failure ?? null) : null;
}

/** Docker's overlapping flags, derived: `Paused` and `Restarting` containers count as `Running`. */
export function wireState(state: ContainerState, health: HealthState | undefined): ContainerStateWire {
  const live = isLive(state);
  const ran = runOf(state);
  const failure = failureOf(state);
  return {
    Status: state.kind,
    Running: live || state.kind === 'restarting',
    Paused: state.kind === 'paused',
    Restarting: state.kind === 'restarting',
    OOMKilled: !live && (ran?.exit.oomKilled ?? false),
    Dead: state.kind === 'dead',
    Pid: live ? state.pid : 0,
    ExitCode: exitCodeOf(state),
    Error: failure?.message ?? '',
    StartedAt: live ? state.startedAt : (ran?.startedAt ?? NEVER),
    FinishedAt: ran?.exit.at ?? NEVER,
    ...(health === undefined ? {} : { Health: health }),
  };
}
