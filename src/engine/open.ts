import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { ExitRecord } from '../runtime/index.ts';
import type { Context, EngineSettings } from './containers/context.ts';
import { cgroupParentOf, publish } from './containers/context.ts';
import { hostGateways } from './containers/endpoints.ts';
import { handleExit, publishEnd } from './containers/exit.ts';
import { DEFAULTS } from './containers/host-config.ts';
import { HealthMonitor } from './containers/health-monitor.ts';
import { KeyedMutex } from './containers/mutex.ts';
import { recover } from './containers/recovery.ts';
import { usersOfVolume } from './containers/remove-locked.ts';
import { standsOn } from './containers/record.ts';
import { createContainers } from './containers/service.ts';
import { StartsAhead } from './containers/start-ahead.ts';
import { isLive } from './containers/state.ts';
import { killNow, stop } from './containers/stop.ts';
import { ContainerStore } from './containers/store.ts';
import { Waiters } from './containers/waiters.ts';
import { within } from './containers/within.ts';
import type { Engine, EngineOptions, Transfers } from './contract.ts';
import { createEvents, REMEMBERED } from './events/events.ts';
import { openJournal } from './events/journal.ts';
import { missedEvents } from './events/missed.ts';
import { stateConflict } from './errors.ts';
import { ExecTable } from './exec/execs.ts';
import type { CommittedContainer } from './images/commit.ts';
import { openImages } from './images/images.ts';
import { NetworkBook } from './networks/book.ts';
import { ensurePredefined } from './networks/default-bridge.ts';
import { createNetworkService } from './networks/service.ts';
import { createSystem } from './system/system.ts';
import { createVolumes } from './volumes/volumes.ts';

/** Docker's time for all containers to stop when the daemon does. */
const SHUTDOWN_SECONDS = 15;

/** Pulling more keeps no more cores busy; sending compresses, which takes one core each. */
const TRANSFERS: Transfers = { downloads: 3, uploads: 3 };

/** Opens the engine on its parts and brings the records in line with the kernel. */
export async function openEngine(given: EngineOptions): Promise<Engine> {
  // Read by those who pull and push, and changed in place.
  const insecureRegistries = [...given.insecureRegistries];
  const registryMirrors = [...given.registryMirrors];
  const options: EngineSettings = {
    ...given,
    insecureRegistries,
    registryMirrors,
    shutdownTimeoutSeconds: given.shutdownTimeoutSeconds ?? SHUTDOWN_SECONDS,
    defaults: { ...DEFAULTS, ...given.defaults },
  };
  const { storage, runtime, networks } = options;
  const log = options.log.child({ part: 'engine' });
  const store = new ContainerStore(storage.db);
  const book = new NetworkBook(storage.db);
  await using opened = new AsyncDisposableStack();
  const journal = opened.use(openJournal(join(options.dataRoot, 'events.jsonl'), REMEMBERED, log));
  const events = createEvents(journal);
  const lock = new KeyedMutex();
  const volumes = createVolumes({
    storage,
    publish: (event) => events.publish(event),
    usersOfVolume: (name) => usersOfVolume({ store }, name),
  });
  const images = await openImages({
    storage,
    publish: (event) => events.publish(event),
    usersOfImage: (imageId) =>
      store.all().flatMap((c) => (standsOn(c, imageId) ? [{ id: c.id, running: isLive(c.state) }] : [])),
    snapshotKeyOf: (containerId) => containerId,
    containerForCommit: (ref) => containerForCommit(ref),
    log,
    insecureRegistries,
    registryMirrors,
    transfers: options.transfers ?? TRANSFERS,
  });
  const execs = new ExecTable(() => ctx);
  const health = new HealthMonitor(() => ctx, execs);
  const ahead = new StartsAhead(() => ctx);
  const ctx: Context = {
    options,
    store,
    lock,
    events,
    images,
    volumes,
    book,
    waiters: new Waiters(),
    health,
    execs,
    ahead,
    log,
    specs: new Map(),
    held: new Set(),
    retries: new Map(),
    closing: false,
  };
  const containers = createContainers(ctx);

  function containerForCommit(ref: string): CommittedContainer {
    const record = store.lookup(ref);
    if (record.state.kind === 'dead' || record.state.kind === 'removing') {
      throw stateConflict({ message: `You cannot commit container ${record.id} which is Dead or being removed` });
    }
    return {
      committed: (image) => publish(ctx, record, 'commit', image),
      id: record.id,
      imageId: record.imageId,
      config: record.config,
      async pause() {
        if (store.get(record.id).state.kind !== 'running') return async () => undefined;
        await runtime.pause(record.id);
        return () => runtime.resume(record.id);
      },
    };
  }

  tellMissed();
  // Exits are taken in one container at a time, each in the order in which they happened.
  const settling = new Set<Promise<void>>();
  runtime.onExit((exit: ExitRecord) => {
    const taken = (exit.execId === undefined ? handleExit(ctx, exit) : execs.handleExit(exit)).catch((error: unknown) =>
      log.error('an exit could not be taken in', { containerId: exit.containerId, error: messageOf(error) }),
    );
    settling.add(taken);
    void taken.finally(() => settling.delete(taken));
  });

  const alive = new Set((await runtime.alive()).map((c) => c.containerId));
  const onNetwork = (networkId: string) =>
    store.all().some((c) => alive.has(c.id) && c.attachments.some((a) => a.networkId === networkId));
  await ensurePredefined(book, networks, options.defaultBridge ?? {}, onNetwork);
  await recover(ctx, async () => {
    await Promise.all(settling);
  });

  /** What changed right before the last daemon died, and it could not tell any more. */
  function tellMissed(): void {
    for (const missed of missedEvents(journal.past, store.all())) {
      if (missed.action === 'destroy') events.publish({ type: 'container', ...missed });
      else if (missed.action === 'die') publishEnd(ctx, missed.record);
      else publish(ctx, missed.record, missed.action);
    }
  }

  /** All at once; those that have not ended when the time is up are killed. */
  async function stopAll(): Promise<void> {
    const running = store.all().filter((c) => isLive(c.state));
    const graces = running.map((c) => c.config.StopTimeout ?? 10);
    const endless = options.shutdownTimeoutSeconds < 0 || graces.some((seconds) => seconds < 0);
    const limitMs = endless ? Infinity : Math.max(options.shutdownTimeoutSeconds, ...graces.map((s) => s + 5)) * 1000;
    const stopped = Promise.allSettled(running.map((c) => stop(ctx, c.id, {}, false)));
    if (await within(stopped, limitMs)) return;
    await Promise.allSettled(running.map((c) => killNow(ctx, c.id)));
    await stopped;
  }

  const system = createSystem({ options, containers, images, volumes, events });

  let shutDown: Promise<void> | undefined;
  async function shutdown(): Promise<void> {
    ctx.closing = true;
    for (const timer of ctx.retries.values()) clearTimeout(timer);
    ctx.retries.clear();
    health.stop();
    await ahead.dropAll();
    if (!options.liveRestore) {
      await stopAll();
    }
    // Ends that come in meanwhile as well: what they held is given back now or at the next start only.
    do {
      await lock.idle();
      await Promise.all(settling);
    } while (settling.size > 0);
    if (!store.all().some((c) => isLive(c.state))) await runtime.stopMonitor();
  }

  const rest = opened.move();
  return {
    containers,
    execs,
    images,
    volumes,
    events,
    networks: createNetworkService(ctx),
    system,
    parts: {
      storage,
      runtime,
      networks,
      idMaps: options.idMaps,
      cgroupParent: () => cgroupParentOf(options),
      hostGateways: () => hostGateways(ctx),
    },
    reconfigure(change, settings) {
      options.labels = [...change.labels];
      options.liveRestore = change.liveRestore;
      options.shutdownTimeoutSeconds = change.shutdownTimeoutSeconds ?? SHUTDOWN_SECONDS;
      options.defaults = { ...DEFAULTS, ...change.defaults };
      insecureRegistries.splice(0, Infinity, ...change.insecureRegistries);
      registryMirrors.splice(0, Infinity, ...change.registryMirrors);
      system.reloaded(settings);
    },
    shutdown: () => (shutDown ??= shutdown()),
    async [Symbol.asyncDispose]() {
      await using _ = rest;
      // Without a shutdown before: containers go on, the next open takes them up.
      ctx.closing = true;
      for (const timer of ctx.retries.values()) clearTimeout(timer);
      health.stop();
      await ahead.dropAll();
      await lock.idle();
    },
  };
}
