import type { HealthState } from '../../core/wire/container.ts';
import type { ContainerState } from './state.ts';
import { runOf } from './state.ts';
import { millisOf } from './time.ts';

/** A duration in the words of Docker's tables: `5 seconds`, `About a minute`, `2 weeks`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

/** `Status` of a container in a list: `Up 3 seconds (healthy)`, `Exited (0) 2 minutes ago`. */
export function statusText(state: ContainerState, health: HealthState['Status'] | undefined, nowMs: number): string {
  const ran = runOf(state);
  const since = (time: string) => humanDuration(Math.max(0, nowMs - millisOf(time)));
  switch (state.kind) {
    case 'created':
      return 'Created';
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'running': {
      const suffix =
        health === undefined || health === 'none' ? '' : health === 'starting' ? ' (health: starting)' : ` (${health})`;
      return `Up ${since(state.startedAt)}${suffix}`;
    }
    case 'restarting':
      return `Restarting (${state.ran.exit.code}) ${since(state.ran.exit.at)} ago`;
    case 'exited':
      return `Exited (${state.failure?.exitCode ?? ran?.exit.code ?? 0}) ${since(state.ran.exit.at)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
  }
}
