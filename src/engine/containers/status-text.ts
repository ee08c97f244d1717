import { humanDuration } from '../../core/human.ts';
import type { HealthState } from '../../core/wire/container.ts';
import type { ContainerState } from './state.ts';
import { runOf } from './state.ts';
import { millisOf } from './time.ts';

/** `Status` of a container in a list: `Up 3 seconds (healthy)`, `Exited (0) 2 minutes ago`. */
export function statusText(state: ContainerState, health: HealthState['Status'] | undefined, nowMs: number): string {
  const ran = runOf(state);
  const since = (time: string) => humanDuration(Math.max(0, nowMs - millisOf(time)) / 1000);
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
