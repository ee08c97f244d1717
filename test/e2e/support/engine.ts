import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../../src/core/log.ts';
import { type Engine, openEngine } from '../../../src/engine/index.ts';
import { openNetworks } from '../../../src/network/index.ts';
import { openRuntime } from '../../../src/runtime/index.ts';
import { openStorage } from '../../../src/storage/index.ts';
import { usernsMaps } from './userns.ts';

const monitor = fileURLToPath(new URL('../../../src/bin/wharf-monitor.ts', import.meta.url));

/** An engine without daemon and API, on all the parts below it. Disposing of it stops nothing: call `shutdown` before. */
export interface OpenEngine extends AsyncDisposable {
  readonly engine: Engine;
}

/** @param instance marks what is this engine's in the kernel */
export async function openEngineAt(
  directory: string,
  instance: string,
  pool: { readonly base: string; readonly size: number },
): Promise<OpenEngine> {
  const dataRoot = join(directory, 'data');
  const execRoot = join(directory, 'exec');
  const log = silentLogger;
  const idMaps = usernsMaps(directory);
  await using opened = new AsyncDisposableStack();
  const storage = opened.use(await openStorage({ dataRoot, idMaps, log }));
  const runtime = opened.use(
    await openRuntime({
      execRoot,
      dataRoot,
      monitorCommand: [process.execPath, '--disable-warning=ExperimentalWarning', monitor],
      defaultRuntime: undefined,
      runtimes: {},
      cgroupParent: `/wharf-${instance}`,
      log,
    }),
  );
  const networks = opened.use(await openNetworks({ execRoot, instance, addressPools: [pool], log }));
  const engine = opened.use(
    await openEngine({
      dataRoot,
      execRoot,
      instance,
      storage,
      idMaps,
      runtime,
      networks,
      insecureRegistries: [],
      registryMirrors: [],
      liveRestore: false,
      labels: [],
      log,
    }),
  );
  const all = opened.move();
  return { engine, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
