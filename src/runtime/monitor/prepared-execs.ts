import { rmSync } from 'node:fs';
import { FOURTH_DESCRIPTOR, type Launch, launch, type LauncherParts, launchWaiting, type Waiting } from './launch.ts';
import type { ProcessIo } from './process-io.ts';
import { type ExecOperation, keyOf, type PrepareOperation } from './protocol.ts';

/** How long what was readied for an exec waits for it, in milliseconds. */
const PREPARED_MS = 1000;

/** An exec that may come: its runtime waits to be told what to run. */
interface Prepared {
  readonly containerId: string;
  readonly openStdin: boolean;
  readonly io: ProcessIo;
  readonly waiting: Waiting;
  readonly late: NodeJS.Timeout;
  readonly directory: string;
}

/** Runs of the OCI runtime that wait for an exec, by container/exec. Nothing of the container's has run in them. */
export class PreparedExecs {
  readonly #parts: LauncherParts;
  readonly #prepared = new Map<string, Prepared>();

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /** @param directory of this exec; it goes if none comes */
  add({ containerId, execId, program, openStdin }: PrepareOperation, io: ProcessIo, directory: string): void {
    const command = ['exec', '--detach', '--process', FOURTH_DESCRIPTOR];
    try {
      const waiting = launchWaiting((document) =>
        launch(this.#parts, io, false, program, directory, command, [containerId], document),
      );
      const key = keyOf({ containerId, execId });
      const late = setTimeout(() => this.drop(key), PREPARED_MS);
      this.#prepared.set(key, { containerId, openStdin, io, waiting, late, directory });
    } catch {
      // The exec itself will say what is wrong.
      io.discard();
      rmSync(directory, { recursive: true, force: true });
    }
  }

  /** What was readied for this exec, told what to run. */
  take(operation: ExecOperation): { readonly io: ProcessIo; readonly launched: Launch } | undefined {
    const key = keyOf(operation);
    const prepared = this.#prepared.get(key);
    if (prepared === undefined) return undefined;
    clearTimeout(prepared.late);
    this.#prepared.delete(key);
    const { io, waiting, openStdin } = prepared;
    if (operation.tty || operation.openStdin !== openStdin || operation.program.through !== undefined) waiting.cancel();
    else if (waiting.tell(JSON.stringify(operation.process))) return { io, launched: waiting.launch };
    io.discard();
    return undefined;
  }

  drop(key: string): void {
    const prepared = this.#prepared.get(key);
    if (prepared === undefined) return;
    clearTimeout(prepared.late);
    this.#prepared.delete(key);
    prepared.waiting.cancel();
    prepared.io.discard();
    rmSync(prepared.directory, { recursive: true, force: true });
  }

  /** The container has ended. */
  dropOf(containerId: string): void {
    for (const [key, prepared] of this.#prepared) if (prepared.containerId === containerId) this.drop(key);
  }
}
