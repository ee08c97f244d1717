import type { ExitRecord, Runtime } from '../../runtime/index.ts';
import { BUILD_PREFIX } from './snapshot.ts';

/** Exits of the containers that builds run. */
export class BuildExits {
  readonly #waiting = new Map<string, (exit: ExitRecord) => void>();

  constructor(runtime: Runtime) {
    runtime.onExit((exit) => {
      if (!exit.containerId.startsWith(BUILD_PREFIX) || exit.execId !== undefined) return;
      this.#waiting.get(exit.containerId)?.(exit);
      this.#waiting.delete(exit.containerId);
      // Acknowledging twice does no harm: the engine does it for containers that it does not know.
      runtime.ackExit(exit).catch(() => undefined);
    });
  }

  /** Begins to wait; call before the container is created. */
  expect(id: string): { readonly exit: Promise<ExitRecord>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<ExitRecord>();
    this.#waiting.set(id, resolve);
    return { exit: promise, forget: () => void this.#waiting.delete(id) };
  }
}
