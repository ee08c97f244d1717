import { messageOf } from '../../core/errors.ts';
import type { AheadHooks, Context } from './context.ts';
import { sandboxRequest } from './endpoints.ts';
import { isOwnNetworkMode } from './record.ts';

/** How long what was done ahead of a start waits for it, in milliseconds. */
const AHEAD_MS = 1000;

/**
 * What a start begins with, done behind the answer to the create that it mostly follows, while the client is busy with its
 * next requests: the root is mounted, the network namespace made, empty, and what attaches connected. No process, bind mount,
 * volume or address is touched. A container that is not started soon loses all of it again.
 */
export class StartsAhead implements AheadHooks {
  readonly #ctx: () => Context;
  /** Containers that nothing was done for yet. */
  readonly #planned = new Set<string>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();

  constructor(ctx: () => Context) {
    this.#ctx = ctx;
  }

  begin(id: string): void {
    const { lock, options } = this.#ctx();
    // Namespaces of mapped users belong to the user namespace that the start makes.
    if (options.idMaps !== undefined) return;
    this.#planned.add(id);
    setImmediate(() => void lock.run(id, () => this.#prepare(id)));
  }

  async #prepare(id: string): Promise<void> {
    const ctx = this.#ctx();
    // Started already, perhaps without success.
    if (!this.#planned.delete(id)) return;
    const record = ctx.store.find(id);
    if (record?.state.kind !== 'created' || ctx.closing) return;
    // Somebody looks at its files, and will unmount them.
    if (ctx.options.storage.snapshots.mountpoint(id) !== undefined) return;
    const { NetworkMode: mode } = record.hostConfig;
    const { AttachStdin, AttachStdout: stdout = false, AttachStderr: stderr = false, Tty: tty = false } = record.config;
    if (!AttachStdin && (stdout || stderr)) {
      ctx.options.runtime.expectAttach(id, { stdin: false, stdout, stderr, logs: false, stream: true, tty });
    }
    const late = setTimeout(() => void ctx.lock.run(id, () => this.drop(id)), AHEAD_MS);
    this.#waiting.set(id, late);
    const { snapshots } = ctx.options.storage;
    const made = await Promise.allSettled([
      snapshots.mount(id),
      isOwnNetworkMode(mode) || mode === 'none' ? ctx.options.networks.openSandbox(sandboxRequest(record)) : undefined,
    ]);
    // The start itself will say what is wrong.
    if (made.some(({ status }) => status === 'rejected')) await this.drop(id);
  }

  take(id: string): void {
    this.#planned.delete(id);
    clearTimeout(this.#waiting.get(id));
    this.#waiting.delete(id);
  }

  async drop(id: string): Promise<void> {
    this.#planned.delete(id);
    if (!this.#waiting.has(id)) return;
    this.take(id);
    const { log, options } = this.#ctx();
    const dropped = await Promise.allSettled([
      options.networks.closeSandbox(id),
      options.storage.snapshots.unmount(id),
    ]);
    for (const one of dropped) {
      if (one.status === 'fulfilled') continue;
      log.warn('something made ahead of a start could not be released', {
        containerId: id,
        error: messageOf(one.reason),
      });
    }
  }

  /** For the end of the daemon: nothing waits any more. */
  async dropAll(): Promise<void> {
    const { lock } = this.#ctx();
    this.#planned.clear();
    await Promise.all([...this.#waiting.keys()].map((id) => lock.run(id, () => this.drop(id))));
  }
}
