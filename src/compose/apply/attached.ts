import type { Client } from '../../client/index.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { LogPrinter } from '../output/log-printer.ts';
import { label } from '../plan/labels.ts';
import { displayName } from '../plan/names.ts';
import { printOutput } from './container-output.ts';
import { nameOf } from './observe.ts';
import { projectEvents } from './project-events.ts';

export interface Ended {
  readonly service: string;
  readonly exitCode: number;
}

/**
 * Shows the output of a project's containers as they run, and tells when each ends. Attached before they are started, so
 * that nothing of a short life is missed; containers that start again are followed from then on.
 */
export class Attached {
  readonly #client: Client;
  readonly #project: string;
  readonly #printer: LogPrinter;
  readonly #services: ReadonlySet<string>;
  readonly #stop = new AbortController();
  readonly #outputs = new Map<string, Promise<void>>();
  readonly #live = new Map<string, { readonly name: string; readonly service: string }>();
  readonly #onEnd: (ended: Ended) => void;
  #quiet = false;

  constructor(
    client: Client,
    project: string,
    printer: LogPrinter,
    services: ReadonlySet<string>,
    onEnd: (ended: Ended) => void,
  ) {
    this.#client = client;
    this.#project = project;
    this.#printer = printer;
    this.#services = services;
    this.#onEnd = onEnd;
  }

  /** Attaches to these containers, which need not run yet. */
  async attach(containers: readonly ContainerSummary[]): Promise<void> {
    for (const c of containers) this.#printer.register(displayName(this.#project, nameOf(c)));
    await Promise.all(containers.map((c) => this.#follow(c.Id, nameOf(c), label(c, 'service') ?? '')));
  }

  /** Resolves when all of them have ended for good, or when `finish` is called. */
  async untilAllEnded(signal: AbortSignal, sinceSeconds: number): Promise<void> {
    try {
      for await (const event of projectEvents(
        this.#client,
        this.#project,
        AbortSignal.any([signal, this.#stop.signal]),
        sinceSeconds,
      )) {
        const { ID, Attributes } = event.Actor;
        const service = Attributes['com.docker.compose.service'] ?? '';
        if (!this.#services.has(service) || Attributes['com.docker.compose.oneoff'] === 'True') continue;
        if (event.Action === 'start') {
          if (!this.#outputs.has(ID)) await this.#follow(ID, Attributes['name'] ?? ID, service, event.time);
        } else if (event.Action === 'die' && this.#live.has(ID)) {
          if (await this.#died(ID, Number(Attributes['exitCode'] ?? 0))) return;
        }
      }
    } catch (e) {
      if (!this.#stop.signal.aborted && !signal.aborted) throw e;
    }
  }

  /** Says no more when containers end. */
  hush(): void {
    this.#quiet = true;
  }

  /** Stops watching; the output that is still under way is shown to its end. */
  async finish(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#outputs.values());
  }

  /** @returns whether it was the last one */
  async #died(id: string, exitCode: number): Promise<boolean> {
    const container = this.#live.get(id);
    if (!container) return false;
    await this.#outputs.get(id)?.catch(() => undefined);
    this.#outputs.delete(id);
    const state = await this.#client.containers
      .inspect(id)
      .then((i) => i.State)
      .catch(() => undefined);
    const name = displayName(this.#project, container.name);
    if (state?.Status === 'restarting') {
      if (!this.#quiet) this.#printer.status(name, `exited with code ${exitCode} (restarting)`);
      return false;
    }
    // Started again before its end was read: the start is followed as its own event.
    if (state?.Running) return false;
    if (!this.#quiet) this.#printer.status(name, `exited with code ${exitCode}`);
    this.#live.delete(id);
    this.#onEnd({ service: container.service, exitCode });
    return this.#live.size === 0;
  }

  async #follow(id: string, name: string, service: string, sinceSeconds?: number): Promise<void> {
    this.#live.set(id, { name, service });
    const { Config } = await this.#client.containers.inspect(id);
    const tty = Config.Tty ?? false;
    const stream =
      sinceSeconds === undefined
        ? await this.#client.containers.attach(id, { stdout: true, stderr: true, stream: true })
        : await this.#client.containers.logs(id, {
            stdout: true,
            stderr: true,
            follow: true,
            since: String(sinceSeconds),
          });
    this.#outputs.set(id, printOutput(stream, tty, this.#printer, displayName(this.#project, name)));
  }
}
