import { closeSync, constants, openSync } from 'node:fs';
import { descriptorOf, openPidfd, raiseDescriptor, startTimeOf, terminalNumber } from '../linux/index.ts';
import { type Held, keyOf, type Returned } from './monitor/protocol.ts';

interface Holding {
  readonly what: { readonly containerId: string; readonly execId?: string | undefined };
  input: number | undefined;
  terminal: number | undefined;
  readonly outputs: readonly number[];
  readonly pidfd: number | undefined;
}

/**
 * The daemon's own hold on what the monitor holds: terminals, pipes, processes. Nothing is read or written through it; it
 * only keeps the kernel from dropping them between a monitor's death and the start of the next.
 */
export class HeldStdio {
  readonly #held = new Map<string, Holding>();

  /** Takes hold of what the monitor tells, and lets go of what it tells no more. */
  take(monitorPid: number, held: Held): void {
    const key = keyOf(held);
    const { containerId, execId } = held;
    let holding = this.#held.get(key);
    if (holding === undefined) {
      holding = {
        what: { containerId, execId },
        input: held.input === undefined ? undefined : tryOpen(held.input, constants.O_WRONLY),
        terminal: undefined,
        outputs: (held.outputs ?? []).flatMap((path) => tryOpen(path, constants.O_RDONLY) ?? []),
        pidfd: processOf(held),
      };
      this.#held.set(key, holding);
    } else if (held.input === undefined && holding.input !== undefined) {
      closeSync(holding.input);
      holding.input = undefined;
    }
    if (held.terminal !== undefined) holding.terminal ??= terminalOf(monitorPid, held.terminal);
  }

  release(what: { readonly containerId: string; readonly execId?: string | undefined }): void {
    const holding = this.#held.get(keyOf(what));
    if (holding === undefined) return;
    this.#held.delete(keyOf(what));
    for (const fd of [holding.input, holding.terminal, holding.pidfd, ...holding.outputs]) {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** What a new monitor needs from here. */
  returned(): Returned[] {
    return [...this.#held.values()].map(({ what, terminal, pidfd }) => ({ ...what, terminal, pidfd }));
  }

  /** Lets go of all but these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, { what }] of this.#held) if (!keys.has(key)) this.release(what);
  }
}

function tryOpen(path: string, how: number): number | undefined {
  try {
    return raiseDescriptor(openSync(path, how | constants.O_NONBLOCK));
  } catch {
    // The process, or the monitor, has done with it meanwhile.
    return undefined;
  }
}

function processOf({ pid, startTime }: Held): number | undefined {
  let pidfd: number | undefined;
  try {
    pidfd = openPidfd(pid);
    if (pidfd !== undefined && startTimeOf(pid) === startTime) return raiseDescriptor(pidfd);
  } catch {
    // No more files can be opened: the hold is for the case that the monitor dies, and does without.
  }
  if (pidfd !== undefined) closeSync(pidfd);
  return undefined;
}

/** The number is asked for again: the monitor may have closed the terminal and have something else there by now. */
function terminalOf(monitorPid: number, { fd, number }: NonNullable<Held['terminal']>): number | undefined {
  let own: number | undefined;
  try {
    own = descriptorOf(monitorPid, fd);
  } catch {
    return undefined; // a kernel that forbids it: the terminal will hang up with the monitor, as any terminal does
  }
  if (own === undefined) return undefined;
  try {
    if (terminalNumber(own) === number) return raiseDescriptor(own);
  } catch {
    // no more files can be opened: as above
  }
  closeSync(own);
  return undefined;
}
