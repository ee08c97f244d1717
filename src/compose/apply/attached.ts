import type { Client } from '../../client/index.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import type { EventMessage } from '../../core/wire/resources.ts';
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

interface Followed {
  readonly name: string;
  readonly service: string;
  /** Attached before its start: the start to come is the one whose output is being shown. */
  awaitsStart: boolean;
  output: Promise<void> | undefined;
  /** It began again while its earlier output was still being read: Unix seconds. */
  again: number | undefined;
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
  readonly #onEnd: (ended: Ended) => void;
  readonly #stop = new AbortController();
  readonly #followed = new Map<string, Followed>();
  readonly #allEnded = Promise.withResolvers<void>();
  #watching: Promise<void> | undefined;

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

  /** Attaches to these containers, which need not run yet, and begins to watch. */
  async attach(containers: readonly ContainerSummary[]): Promise<void> {
    const since = Date.now() / 1000;
    for (const c of containers) this.#printer.register(displayName(this.#project, nameOf(c)));
    await Promise.all(
      containers.map((c) => this.#follow(c.Id, nameOf(c), label(c, 'service') ?? '', undefined, c.State !== 'running')),
    );
    this.#watching = this.#watch(since);
    this.#watching.catch((e: unknown) => this.#allEnded.reject(e));
  }

  /** Resolves when all of them have ended for good. */
  untilAllEnded(): Promise<void> {
    return this.#allEnded.promise;
  }

  /** Does not wait for the end of containers that never began. */
  forgetUnstarted(): void {
    for (const [id, { awaitsStart }] of this.#followed) if (awaitsStart) this.#followed.delete(id);
    if (this.#followed.size === 0) this.#allEnded.resolve();
  }

  /** Stops watching. */
  async finish(): Promise<void> {
    this.#stop.abort();
    await this.#watching?.catch(() => undefined);
  }

  async #watch(sinceSeconds: number): Promise<void> {
    try {
      for await (const event of projectEvents(this.#client, this.#project, this.#stop.signal, {
        since: sinceSeconds.toFixed(3),
      })) {
        if (event.Action === 'start') await this.#started(event);
        else if (event.Action === 'die') await this.#died(event);
      }
    } catch (e) {
      if (!this.#stop.signal.aborted) throw e;
    }
  }

  async #started(event: EventMessage): Promise<void> {
    const { ID: id, Attributes } = event.Actor;
    const service = label({ Labels: Attributes }, 'service') ?? '';
    if (!this.#services.has(service) || label({ Labels: Attributes }, 'oneOff') === 'True') return;
    const known = this.#followed.get(id);
    if (known?.awaitsStart) known.awaitsStart = false;
    else if (known?.output) known.again = event.timeNano / 1e9;
    else await this.#follow(id, Attributes['name'] ?? id, service, event.timeNano / 1e9, false);
  }

  async #died(event: EventMessage): Promise<void> {
    const id = event.Actor.ID;
    const container = this.#followed.get(id);
    if (!container) return;
    const exitCode = Number(event.Actor.Attributes['exitCode'] ?? 0);
    const state = await this.#client.containers.inspect(id).then(
      (i) => i.State,
      () => undefined,
    );
    const name = displayName(this.#project, container.name);
    if (state?.Running || state?.Restarting) {
      this.#printer.status(name, `exited with code ${exitCode} (restarting)`);
      return;
    }
    await container.output;
    this.#printer.status(name, `exited with code ${exitCode}`);
    this.#followed.delete(id);
    this.#onEnd({ service: container.service, exitCode });
    if (this.#followed.size === 0) this.#allEnded.resolve();
  }

  async #follow(
    id: string,
    name: string,
    service: string,
    since: number | undefined,
    awaitsStart: boolean,
  ): Promise<void> {
    const followed: Followed = { name, service, awaitsStart, output: undefined, again: undefined };
    this.#followed.set(id, followed);
    const { Config } = await this.#client.containers.inspect(id);
    const stream =
      since === undefined
        ? await this.#client.containers.attach(id, { stdout: true, stderr: true, stream: true })
        : await this.#client.containers.logs(id, { stdout: true, stderr: true, follow: true, since: since.toFixed(9) });
    this.#stop.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    const shown = printOutput(stream, Config.Tty ?? false, this.#printer, displayName(this.#project, name));
    followed.output = shown
      .catch(() => undefined)
      .then(async () => {
        followed.output = undefined;
        if (followed.again !== undefined) await this.#follow(id, name, service, followed.again, false);
      });
  }
}
