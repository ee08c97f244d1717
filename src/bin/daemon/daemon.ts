import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createApi, type ListenOptions } from '../../api/index.ts';
import { type Builder, openBuilder } from '../../build/index.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { API_VERSION } from '../../core/version.ts';
import { type Engine, openEngine } from '../../engine/index.ts';
import { openNetworks } from '../../network/index.ts';
import { openRuntime } from '../../runtime/index.ts';
import { openStorage } from '../../storage/index.ts';
import { badOption, notRoot } from './errors.ts';
import { takeExecRoot } from './exec-root.ts';
import { instanceOf } from './instance.ts';
import { monitorCommand } from './monitor-command.ts';
import { defaultBridgeOf } from './network-settings.ts';
import type { Settings } from './settings.ts';
import { usernsRemap } from './userns-remap.ts';

/** How long requests may go on once all containers have ended. */
const LAST_WORDS_MS = 250;
/** More than any container's stop takes; what is still running then is cut. */
const LONGEST_STOP_MS = 24 * 3600 * 1000;

export interface Daemon {
  /** One line for people and scripts that wait for it. */
  readonly readyLine: string;
  /** Ends gracefully: no new requests, containers stopped (unless live-restore), everything released. */
  stop(): Promise<void>;
  /** Takes new settings, as far as they can be changed while it runs. */
  reload(settings: Settings): void;
  /** Shortens a stop that is under way: containers are killed. */
  hurry(): Promise<void>;
}

/** Opens all parts in order and listens. Failed, it leaves nothing open. */
export async function startDaemon(settings: Settings, program: string, log: Logger): Promise<Daemon> {
  if (process.geteuid?.() !== 0) throw notRoot({});
  process.umask(0o022);
  for (const why of settings.ignored) log.warn(`a setting of dockerd's is not obeyed: ${why}`);
  useProxies(settings);
  const { dataRoot, execRoot } = settings;
  // As with dockerd, nothing is what it is without.
  const idMaps = settings.usernsRemap ? usernsRemap(settings.usernsRemap) : undefined;
  if (settings.usernsRemap && idMaps === undefined) {
    log.warn('userns-remap: root cannot be mapped to itself; users are not mapped');
  }
  await using opened = new AsyncDisposableStack();
  opened.use(takeExecRoot(execRoot));
  const instance = instanceOf(dataRoot);
  const part = (name: string) => log.child({ part: name });
  const storage = opened.use(await openStorage({ dataRoot, idMaps, log: part('storage') }));
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
    await openNetworks({
      execRoot,
      instance,
      addressPools: settings.addressPools,
      hasKeeper: true,
      withoutFirewall: [...(settings.iptables ? [] : [4 as const]), ...(settings.ip6tables ? [] : [6 as const])],
      log: part('network'),
    }),
  );
  const engine = opened.use(
    await openEngine({
      dataRoot,
      execRoot,
      instance,
      storage,
      idMaps,
      runtime,
      networks,
      insecureRegistries: settings.insecureRegistries,
      registryMirrors: settings.registryMirrors,
      transfers: { downloads: settings.maxConcurrentDownloads, uploads: settings.maxConcurrentUploads },
      liveRestore: settings.liveRestore,
      defaultBridge: defaultBridgeOf(settings),
      networkOptions: settings.defaultNetworkOptions,
      hostGateways: settings.hostGatewayIps,
      labels: settings.labels,
      defaults: settings,
      shutdownTimeoutSeconds: settings.shutdownTimeoutSeconds,
      log: part('engine'),
    }),
  );
  const builder: Builder = opened.use(await openBuilder({ engine, dataRoot, execRoot, instance, log: part('build') }));
  const api = opened.use(createApi({ engine, builder, log, onConnection: () => engine.parts.runtime.anticipate() }));
  const addresses: string[] = [];
  const listening = {
    group: settings.group,
    tls: readTls(settings),
    allowPlainTcp: settings.tls === false || settings.tlsVerify === false,
  };
  for (const host of settings.hosts) addresses.push(await api.listen(host, listening));
  if (settings.pidFile !== undefined) opened.use(writePidFile(settings.pidFile));

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
    reload: (changed) => engine.reconfigure({ ...changed, defaults: changed }, reportOf(changed)),
    hurry: () => killAll(engine),
  };
}

/** What asks registries and other hosts reads its proxies from the environment. */
function useProxies({ httpProxy, httpsProxy, noProxy }: Settings): void {
  for (const [name, value] of Object.entries({ HTTP_PROXY: httpProxy, HTTPS_PROXY: httpsProxy, NO_PROXY: noProxy })) {
    if (value === undefined) continue;
    process.env[name] = value;
    // The small letters would win over it.
    delete process.env[name.toLowerCase()];
  }
}

/** What the event of a reload tells. */
function reportOf(settings: Settings): Record<string, string> {
  return {
    debug: String(settings.logLevel === 'debug'),
    labels: JSON.stringify(settings.labels),
    'live-restore': String(settings.liveRestore),
    'insecure-registries': JSON.stringify(settings.insecureRegistries),
    'registry-mirrors': JSON.stringify(settings.registryMirrors),
    'shutdown-timeout': String(settings.shutdownTimeoutSeconds),
  };
}

/** Certificates and key of tcp addresses; `undefined` without TLS. @throws {WharfError} `BAD_OPTION` */
function readTls(settings: Settings): ListenOptions['tls'] {
  if (!settings.tls && !settings.tlsVerify) return undefined;
  const read = (path: string, what: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw badOption({ message: `cannot read the TLS ${what}: ${messageOf(cause)}` }, { cause });
    }
  };
  return {
    cert: read(settings.tlsCert, 'certificate (--tlscert)'),
    key: read(settings.tlsKey, 'key (--tlskey)'),
    ...(settings.tlsVerify ? { ca: read(settings.tlsCaCert, 'certificate authority (--tlscacert)') } : {}),
  };
}

/** @throws {WharfError} `BAD_OPTION` if another process of that ID runs */
function writePidFile(path: string): Disposable {
  const before = Number(existsSync(path) ? readFileSync(path, 'utf8').trim() : 0);
  if (before > 0 && before !== process.pid && existsSync(`/proc/${before}`)) {
    throw badOption({ message: `process with PID ${before} is still running, says ${path}` });
  }
  writeFileSync(path, String(process.pid));
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

async function killAll(engine: Engine): Promise<void> {
  const running = await engine.containers.list({ all: false, size: false, filters: {} });
  await Promise.allSettled(running.map((c) => engine.containers.kill(c.Id, 'SIGKILL')));
}
