import { createApi } from '../../api/index.ts';
import { type Builder, openBuilder } from '../../build/index.ts';
import type { Logger } from '../../core/log.ts';
import { API_VERSION } from '../../core/version.ts';
import { type Engine, openEngine } from '../../engine/index.ts';
import { openNetworks } from '../../network/index.ts';
import { openRuntime } from '../../runtime/index.ts';
import { openStorage } from '../../storage/index.ts';
import { notRoot } from './errors.ts';
import { takeExecRoot } from './exec-root.ts';
import { instanceOf } from './instance.ts';
import { monitorCommand } from './monitor-command.ts';
import type { Settings } from './settings.ts';

/** How long requests may go on once all containers have ended. */
const LAST_WORDS_MS = 250;
/** More than any container's stop takes; what is still running then is cut. */
const LONGEST_STOP_MS = 24 * 3600 * 1000;

export interface Daemon {
  /** One line for people and scripts that wait for it. */
  readonly readyLine: string;
  /** Ends gracefully: no new requests, containers stopped (unless live-restore), everything released. */
  stop(): Promise<void>;
  /** Shortens a stop that is under way: containers are killed. */
  hurry(): Promise<void>;
}

/** Opens all parts in order and listens. Failed, it leaves nothing open. */
export async function startDaemon(settings: Settings, program: string, log: Logger): Promise<Daemon> {
  if (process.geteuid?.() !== 0) throw notRoot({});
  process.umask(0o022);
  const { dataRoot, execRoot } = settings;
  await using opened = new AsyncDisposableStack();
  opened.use(takeExecRoot(execRoot));
  const instance = instanceOf(dataRoot);
  const part = (name: string) => log.child({ part: name });
  const storage = opened.use(await openStorage({ dataRoot, log: part('storage') }));
  const runtime = opened.use(
    await openRuntime({
      execRoot,
      dataRoot,
      monitorCommand: monitorCommand(program),
      defaultRuntime: settings.defaultRuntime,
      runtimes: settings.runtimes,
      cgroupParent: `/wharf-${instance}`,
      log: part('runtime'),
    }),
  );
  let started = false;
  // A daemon that could not start leaves no monitor either, unless containers of an earlier one are in its care.
  opened.defer(() => (started ? undefined : runtime.stopMonitor()));
  const networks = opened.use(
    await openNetworks({ execRoot, instance, addressPools: settings.addressPools, log: part('network') }),
  );
  const engine = opened.use(
    await openEngine({
      dataRoot,
      execRoot,
      instance,
      storage,
      runtime,
      networks,
      insecureRegistries: settings.insecureRegistries,
      registryMirrors: settings.registryMirrors,
      liveRestore: settings.liveRestore,
      defaultBridge: settings.bip,
      labels: settings.labels,
      log: part('engine'),
    }),
  );
  const builder: Builder = opened.use(await openBuilder({ engine, dataRoot, execRoot, instance, log: part('build') }));
  const api = opened.use(createApi({ engine, builder, log }));
  const addresses: string[] = [];
  for (const host of settings.hosts) addresses.push(await api.listen(host, { group: settings.group }));

  const { name, version } = runtime.info();
  started = true;
  const rest = opened.move();
  return {
    readyLine: `wharfd ready: listening on ${addresses.join(', ')} (API ${API_VERSION}, ${name} ${version}, pid ${process.pid})`,
    async stop() {
      await using _ = rest;
      const closing = api.close(LONGEST_STOP_MS);
      await engine.shutdown();
      await api.close(LAST_WORDS_MS);
      await closing;
    },
    hurry: () => killAll(engine),
  };
}

async function killAll(engine: Engine): Promise<void> {
  const running = await engine.containers.list({ all: false, size: false, filters: {} });
  await Promise.allSettled(running.map((c) => engine.containers.kill(c.Id, 'SIGKILL')));
}
