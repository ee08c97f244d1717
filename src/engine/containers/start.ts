import { writeFileSync } from 'node:fs';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { messageOf, WharfError } from '../../core/errors.ts';
import { type IdMaps, rootOf } from '../../core/id-map.ts';
import { shortId } from '../../core/ids.ts';
import type { HostConfig } from '../../core/wire/container.ts';
import type { OwnedSandbox } from '../../network/index.ts';
import type { MountInput, NamespaceInput, OciSpec, SpecInput, UserNamespaceInput } from '../../runtime/index.ts';
import {
  buildSpec,
  mountSharedMemory,
  releaseSharedMemory,
  resolveUser,
  sharedMemoryOf,
  startFailureOf,
} from '../../runtime/index.ts';
import { StartError, stateConflict } from '../errors.ts';
import type { Context } from './context.ts';
import { cgroupParentOf, containerDirectory, logPath, publish } from './context.ts';
import { namingDirectory } from './directory-failure.ts';
import type { Connected, Joined } from './endpoints.ts';
import {
  connectAll,
  disconnected,
  joinedNetworks,
  linkedContainers,
  namespaceOwner,
  publishNetworkEvents,
  sandboxRequest,
} from './endpoints.ts';
import { tellLinked, writeHosts, writeResolvConf } from './etc.ts';
import { DEFAULT_SHM_BYTES } from './host-config.ts';
import type { LinkedContainer } from './links.ts';
import { allowLinks, allowLinksTo } from './link-ways.ts';
import { linkEnv } from './links.ts';
import { logAttributes } from './log-attributes.ts';
import { logSettings } from './log-drivers.ts';
import { checkReceiver, logForward } from './log-forward.ts';
import { mergeEnv } from './merge-config.ts';
import { mountInputs } from './mount-inputs.ts';
import type { ContainerRecord } from './record.ts';
import { isOwnNetworkMode } from './record.ts';
import { SIGKILL } from './signals.ts';
import { specInput } from './spec-input.ts';
import type { MappedUsers } from './user-namespace.ts';
import { checkUser, giveEtcFiles, joinedUserNamespace, mappedUsers } from './user-namespace.ts';

import type { VolumeSources } from './volume-holds.ts';
import { acquireVolumes, releaseVolumes } from './volume-holds.ts';
import { nowRfc3339 } from './time.ts';
import { prepareWorkingDirectory } from './working-directory.ts';

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A start by hand, or one by restart policy after a delay. */
export interface StartReason {
  readonly restartCount: number;
  readonly restartDelayMs: number;
  /** Milliseconds until the policy tries again should this start fail; `null`: it does not. */
  retryDelay?(failure: StartError): number | null;
}
export const BY_HAND: StartReason = { restartCount: 0, restartDelayMs: 0 };

/**
 * Starts a container that has no process. The caller holds its lock. Success means running and recorded; failed, everything
 * taken is given back, and the reason is in the container's state.
 * @throws {StartError}; {WharfError} `STATE_CONFLICT` if its state does not allow it
 */
export async function startLocked(ctx: Context, id: string, reason: StartReason): Promise<void> {
  ctx.options.runtime.anticipate(true);
  const record = ctx.store.get(id);
  if (record.state.kind === 'paused') {
    throw stateConflict({ message: 'cannot start a paused container, try unpause instead' });
  }
  if (record.state.kind === 'removing' || record.state.kind === 'dead') {
    throw stateConflict({ message: 'container is marked for removal and cannot be started' });
  }
  try {
    await run(ctx, record, reason);
  } catch (error) {
    const failure = asStartError(error);
    await ctx.options.runtime.abandon(id).catch(() => undefined);
    const delay = reason.retryDelay?.(failure) ?? null;
    ctx.store.apply(
      id,
      {
        kind: 'startFailed',
        failure: { message: failure.message, exitCode: failure.exitCode },
        retryAt: delay === null ? null : new Date(Date.now() + delay).toISOString(),
      },
      {
        attachments: disconnected(record.attachments),
        ports: [],
        ...(delay === null ? {} : { restartCount: reason.restartCount }),
      },
    );
    // Who waited for a restarting container to stop has what he waited for.
    if (record.state.kind === 'restarting' && delay === null) ctx.waiters.exited(id, { exitCode: failure.exitCode });
    throw failure;
  }
}

async function run(ctx: Context, record: ContainerRecord, reason: StartReason): Promise<void> {
  const { storage, networks, runtime } = ctx.options;
  const { id, hostConfig: host } = record;
  const mode = host.NetworkMode ?? 'bridge';
  const joined = joinedNetworks(ctx, record);
  const links = linkedContainers(ctx, record);
  const ownSandbox = isOwnNetworkMode(mode) || mode === 'none';
  const peer = mode.startsWith('container:')
    ? namespaceOwner(ctx, mode.slice('container:'.length), 'network')
    : undefined;

  checkDeviceRequests(host);
  const forward = logForward(record);
  if (forward !== undefined) await checkReceiver(forward);

  await using undo = new AsyncDisposableStack();
  undo.defer(() => storage.snapshots.unmount(id));
  if (ownSandbox) undo.defer(() => networks.closeSandbox(id));
  ctx.ahead.take(id);
  undo.defer(() => releaseVolumes(ctx, record));
  const users = mappedUsers(ctx, record);
  const mapped = users !== undefined;
  using volumes = await acquireVolumes(ctx, record, mapped);
  const [rootfs, sandbox] = await both(
    storage.snapshots.mount(id, { mapped }),
    ownSandbox ? openSandbox(ctx, record, users) : Promise.resolve(undefined),
  );
  using userNamespace = users && (sandbox?.userNamespace ?? joinedUserNamespace(users));

  const etcOwner = peer ?? record;
  const directory = containerDirectory(ctx, etcOwner.id);
  const hostname = peer?.config.Hostname ?? record.config.Hostname ?? shortId(id);
  if (peer === undefined) {
    writeFileSync(join(directory, 'hostname'), `${hostname}\n`);
    writeResolvConf(ctx, record);
    // Bound into the container now, filled when the addresses are known.
    writeFileSync(join(directory, 'hosts'), '');
    giveEtcFiles(ctx, record, users);
  }
  if (host.IpcMode === 'shareable') undo.defer(() => releaseSharedMemory(ctx.options.execRoot, id));
  const spec = specFor(ctx, record, {
    rootfs,
    sandbox: sandbox?.path,
    peerPid: peer?.pid,
    links,
    hostname,
    directory,
    volumes,
    userNamespace: users && userNamespace && { ...users.maps, path: userNamespace.path },
  });
  ctx.specs.set(id, spec);
  undo.defer(() => void ctx.specs.delete(id));

  undo.defer(async () => {
    await runtime.kill(id, SIGKILL, { all: true }).catch(() => undefined);
    await runtime.delete(id);
  });
  const log = logSettings(host);
  const attributes = logAttributes(record);
  const creating = runtime
    .create({
      id,
      bundleDir: containerDirectory(ctx, id),
      spec,
      runtime: host.Runtime || undefined,
      tty: record.config.Tty ?? false,
      consoleSize: spec.process?.consoleSize && {
        rows: spec.process.consoleSize.height,
        columns: spec.process.consoleSize.width,
      },
      openStdin: record.config.OpenStdin ?? false,
      stdinOnce: record.config.StdinOnce ?? false,
      log: {
        path: log.driver === 'none' ? null : logPath(ctx, id),
        maxSizeBytes: log.maxSizeBytes,
        maxFiles: log.maxFiles,
        ...(attributes === undefined ? {} : { attrs: attributes }),
        forward,
      },
    })
    .catch((e: unknown) => {
      throw namingDirectory(e, spec.process?.args[0] ?? '', rootfs);
    });
  const over = creating.then(
    () => undefined,
    () => undefined,
  );
  let connected: Connected;
  try {
    connected = ownSandbox ? await connectAll(ctx, record, joined) : attachedByName(joined);
    if (peer === undefined) writeHosts(ctx, record, connected.attachments, links);
  } catch (error) {
    await over; // nothing goes on behind the caller's back
    throw error;
  }
  publishMountEvents(ctx, record, 'mount');
  publishNetworkEvents(ctx, record, connected.attachments, 'connect');
  undo.defer(() => publishNetworkEvents(ctx, record, connected.attachments, 'disconnect'));
  allowLinks(ctx, { ...record, attachments: connected.attachments });
  // Asked for before it is made: the monitor lets it run the moment it is.
  const [created] = await both(creating, runtime.start(id));
  ctx.store.apply(
    id,
    { kind: 'started', pid: created.pid, at: nowRfc3339() },
    {
      attachments: connected.attachments,
      ports: connected.ports,
      restartCount: reason.restartCount,
      restartDelayMs: reason.restartDelayMs,
      manuallyStopped: false,
      restartCancelled: false,
      ...(mapped || record.mapped === true ? { mapped } : {}),
    },
  );
  undo.move(); // what runs owns them now; its end, or the next daemon's open, gives them back
  tellLinked(ctx, record, connected.attachments.find((a) => a.network === 'bridge')?.endpoint?.ipv4);
  allowLinksTo(ctx, ctx.store.get(id));
  ctx.health.begin(id);
  publish(ctx, ctx.store.get(id), 'start');
}

/** GPUs and other devices by capability need a driver, of which there is none. @throws {StartError} */
function checkDeviceRequests(host: HostConfig): void {
  const [request] = host.DeviceRequests ?? [];
  if (request === undefined) return;
  const capabilities = (request.Capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ');
  throw new StartError(
    'internal',
    `could not select device driver ${JSON.stringify(request.Driver ?? '')} with capabilities: [${capabilities}]`,
    128,
    { hint: 'device requests such as --gpus are not supported; name the device nodes with --device' },
  );
}

interface SpecFacts {
  readonly rootfs: string;
  readonly sandbox: string | undefined;
  readonly peerPid: number | undefined;
  readonly links: readonly LinkedContainer[];
  readonly hostname: string;
  /** Where hosts, hostname and resolv.conf are. */
  readonly directory: string;
  readonly volumes: VolumeSources;
  readonly userNamespace: UserNamespaceInput | undefined;
}

/** The container's own network namespace, in the hands of its user namespace if it has one. */
async function openSandbox(
  { options: { networks } }: Context,
  record: ContainerRecord,
  users: MappedUsers | undefined,
): Promise<{ readonly path: string } & Partial<OwnedSandbox>> {
  const request = sandboxRequest(record);
  return users === undefined ? networks.openSandbox(request) : networks.openOwnedSandbox(request, users.choice);
}

function specFor(ctx: Context, record: ContainerRecord, facts: SpecFacts): OciSpec {
  const { config, hostConfig: host } = record;
  const user = resolveUser(facts.rootfs, config.User ?? '', host.GroupAdd ?? []);
  if (facts.userNamespace !== undefined) checkUser(facts.userNamespace, user);
  prepareWorkingDirectory(facts.rootfs, config.WorkingDir || '/', facts.userNamespace);
  const isHostNetwork = host.NetworkMode === 'host';
  const network: NamespaceInput = isHostNetwork
    ? 'host'
    : { path: facts.peerPid === undefined ? (facts.sandbox ?? '') : `/proc/${facts.peerPid}/ns/net` };
  const parent = host.CgroupParent || cgroupParentOf(ctx.options);
  return buildSpec(
    specInput(
      record,
      {
        rootfs: facts.rootfs,
        user,
        mounts: [
          ...etcMounts(record, facts.directory),
          ...shmMounts(ctx, record, facts.userNamespace),
          ...mountInputs(record, facts.volumes),
        ],
        env: environment(record, facts),
        hostname: isHostNetwork && !config.Hostname ? machineName() : facts.hostname,
        network,
        ipc: ipcOf(ctx, host.IpcMode ?? ''),
        pid: pidOf(ctx, host.PidMode ?? ''),
        userNamespace: facts.userNamespace,
        cgroupsPath: `${parent.startsWith('/') ? '' : '/'}${parent}/${record.id}`,
      },
      ctx.options.defaults,
    ),
  );
}

/** Docker's order: PATH, HOSTNAME, TERM, links, then the container's own variables. */
function environment(record: ContainerRecord, facts: SpecFacts): string[] {
  const base = [DEFAULT_PATH, `HOSTNAME=${facts.hostname}`];
  if (record.config.Tty) base.push('TERM=xterm');
  for (const link of facts.links) base.push(...linkEnv(record.name, link));
  return mergeEnv(base, record.config.Env ?? []);
}

/** The three files that the engine writes, unless the user mounts something in their place. */
function etcMounts(record: ContainerRecord, directory: string): MountInput[] {
  const taken = new Set(record.mounts.map((m) => m.target));
  return ['resolv.conf', 'hostname', 'hosts']
    .filter((name) => !taken.has(`/etc/${name}`))
    .map((name) => ({
      kind: 'bind',
      source: join(directory, name),
      target: `/etc/${name}`,
      readOnly: record.hostConfig.ReadonlyRootfs ?? false,
      recursive: true,
      propagation: 'rprivate',
    }));
}

/** The /dev/shm of a container that shares its own, or that of another. */
function shmMounts(
  ctx: Context,
  { id, hostConfig: host, mounts }: ContainerRecord,
  maps: IdMaps | undefined,
): MountInput[] {
  const mode = host.IpcMode ?? '';
  if (mounts.some((m) => m.target === '/dev/shm')) return [];
  const { execRoot } = ctx.options;
  let source: string | undefined;
  if (mode === 'shareable') {
    source = mountSharedMemory(execRoot, id, host.ShmSize ?? DEFAULT_SHM_BYTES, maps && rootOf(maps));
  } else if (mode.startsWith('container:')) source = sharedMemoryOf(execRoot, ipcOwner(ctx, mode).id);
  if (source === undefined) return [];
  return [{ kind: 'bind', source, target: '/dev/shm', readOnly: false, recursive: false, propagation: 'rprivate' }];
}

function ipcOf(ctx: Context, mode: string): SpecInput['ipc'] {
  if (mode === 'host' || mode === 'none') return mode;
  if (!mode.startsWith('container:')) return 'own';
  return { path: `/proc/${ipcOwner(ctx, mode).pid}/ns/ipc` };
}

/** The container of `container:X`, which must have said that it shares. @throws {StartError} */
function ipcOwner(ctx: Context, mode: string): ContainerRecord & { readonly pid: number } {
  const ref = mode.slice('container:'.length);
  const owner = namespaceOwner(ctx, ref, 'IPC');
  const ownerMode = owner.hostConfig.IpcMode ?? '';
  if (ownerMode === 'shareable' || ownerMode === 'host') return owner;
  throw new StartError(
    'invalid',
    `cannot join IPC of container ${ref}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    128,
  );
}

function pidOf(ctx: Context, mode: string): NamespaceInput {
  if (mode === 'host') return 'host';
  if (!mode.startsWith('container:')) return 'own';
  return { path: `/proc/${namespaceOwner(ctx, mode.slice('container:'.length), 'PID').pid}/ns/pid` };
}

function attachedByName(joined: readonly Joined[]): Connected {
  return {
    attachments: joined.map(({ attachment, network }) => ({
      ...attachment,
      network: network.name,
      networkId: network.id,
      endpoint: null,
    })),
    ports: [],
  };
}

/** Publishes `volume mount` or `unmount` for each volume of a container. */
export function publishMountEvents(ctx: Context, record: ContainerRecord, action: 'mount' | 'unmount'): void {
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume') continue;
    ctx.events.publish({
      type: 'volume',
      action,
      id: mount.name,
      attributes: {
        container: record.id,
        driver: 'local',
        ...(action === 'mount'
          ? { destination: mount.target, propagation: '', 'read/write': String(!mount.readOnly) }
          : {}),
      },
    });
  }
}

/** Both results, or the first failure once both have ended: nothing goes on behind the caller's back. */
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [x, y] = await Promise.allSettled([a, b]);
  if (x.status === 'rejected') throw x.reason;
  if (y.status === 'rejected') throw y.reason;
  return [x.value, y.value];
}

/** Failure to start with the exit code that `docker run` ends with. */
function asStartError(error: unknown): StartError {
  // Releasing failed as well: what matters to the user is the first failure.
  if (error instanceof SuppressedError) return asStartError(error.suppressed);
  if (error instanceof StartError) return error;
  if (error instanceof WharfError && error.code === 'RUNTIME_FAILED') {
    const exitCode = startFailureOf(error);
    const prefix = 'failed to create task for container: ';
    const message = error.message.startsWith(prefix) ? error.message : `${prefix}${error.message}`;
    return new StartError(exitCode === 128 ? 'internal' : 'invalid', message, exitCode, { cause: error });
  }
  const kind = error instanceof WharfError && error.code !== 'UNKNOWN_USER' ? error.kind : 'internal';
  return new StartError(kind, messageOf(error), 128, { cause: error });
}
