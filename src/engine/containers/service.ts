import type { Duplex } from 'node:stream';
import { invalidParameter, messageOf, unsupported } from '../../core/errors.ts';
import type { HostConfig, Resources, RestartPolicy } from '../../core/wire/container.ts';
import { buildResources } from '../../runtime/index.ts';
import type { Containers } from '../contract.ts';
import { nameConflict, requestFailed, stateConflict } from '../errors.ts';
import { checkFilters, hasLabels, lacksLabels } from '../filters.ts';
import { archiveGet, archivePut, archiveStat, exportRoot } from './archive.ts';
import type { Context } from './context.ts';
import { logPath, publish } from './context.ts';
import { create } from './create.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys, withDetachKeys } from './detach-keys.ts';
import { dnsNames } from './endpoints.ts';
import { cancelRestart } from './exit.ts';
import { inspect } from './inspect.ts';
import { possibleLimits, readLimitFacts } from './limits.ts';
import { isLogReadable } from './log-drivers.ts';
import { list } from './list.ts';
import { checkName } from './names.ts';
import { type ContainerRecord, standsOn } from './record.ts';
import { remove, removeLink } from './remove.ts';
import { removeLocked, usersOfVolume } from './remove-locked.ts';
import { resourceInput } from './spec-input.ts';
import { BY_HAND, startLocked } from './start.ts';
import { exitCodeOf, isLive } from './state.ts';
import { wireStats } from './stats.ts';
import { kill, restart, stop } from './stop.ts';
import { millisOf, nowRfc3339 } from './time.ts';
import { top } from './top.ts';
import { parseUntil } from '../until.ts';
import { checkPolicyUpdate } from './validate.ts';

/** Paths that the engine or the OCI runtime puts into every root; `docker diff` does not show them. */
const OWN_PATHS = /^\/(dev|proc|sys|\.dockerenv|sbin\/docker-init|etc\/(hosts|hostname|resolv\.conf|mtab))(\/|$)/;

/** Containers as the Engine API has them. */
export function createContainers(ctx: Context): Containers {
  const { runtime, storage, networks } = ctx.options;

  function running(ref: string): ContainerRecord & { readonly pid: number } {
    const record = ctx.store.lookup(ref);
    if (!isLive(record.state)) throw stateConflict({ message: `container ${record.id} is not running` });
    return { ...record, pid: record.state.pid };
  }

  return {
    async create(request) {
      const { id, warnings } = await create(ctx, request);
      return { Id: id, Warnings: warnings };
    },

    async start(ref) {
      const { id } = ctx.store.lookup(ref);
      return await ctx.lock.run(id, async () => {
        const record = ctx.store.get(id);
        if (record.state.kind === 'running') return false;
        cancelRestart(ctx, id);
        try {
          await startLocked(ctx, id, BY_HAND);
        } catch (error) {
          if (record.hostConfig.AutoRemove && record.state.kind !== 'paused') {
            await removeLocked(ctx, ctx.store.get(id), true).catch(() => undefined);
          }
          throw error;
        }
        return true;
      });
    },

    stop: (ref, options) => stop(ctx, ctx.store.lookup(ref).id, options, true),
    kill: (ref, signal) => kill(ctx, ctx.store.lookup(ref).id, signal),
    restart: (ref, options) => restart(ctx, ctx.store.lookup(ref).id, options),

    pause: (ref) =>
      ctx.lock.run(ctx.store.lookup(ref).id, async () => {
        const record = ctx.store.lookup(ref);
        if (record.state.kind === 'paused') {
          throw stateConflict({ message: `container ${record.id} is already paused` });
        }
        if (record.state.kind !== 'running') {
          throw stateConflict({ message: `container ${record.id} is not running` });
        }
        await runtime.pause(record.id);
        publish(ctx, ctx.store.apply(record.id, { kind: 'paused' }), 'pause');
      }),

    unpause: (ref) =>
      ctx.lock.run(ctx.store.lookup(ref).id, async () => {
        const record = ctx.store.lookup(ref);
        if (record.state.kind !== 'paused') throw requestFailed({ message: `Container ${record.id} is not paused` });
        await runtime.resume(record.id);
        publish(ctx, ctx.store.apply(record.id, { kind: 'unpaused' }), 'unpause');
      }),

    async wait(ref, condition, signal) {
      if (!['not-running', 'next-exit', 'removed'].includes(condition)) {
        throw invalidParameter({ message: `invalid condition: "${condition}"` });
      }
      const gone = ctx.waiters.remembered(ref);
      if (gone !== undefined && ctx.store.find(ref) === undefined) {
        return { done: Promise.resolve({ StatusCode: gone.exitCode }) };
      }
      const { id, state } = ctx.store.lookup(ref);
      if (condition === 'not-running' && !isLive(state) && state.kind !== 'restarting') {
        return { done: Promise.resolve({ StatusCode: exitCodeOf(state) }) };
      }
      const done = ctx.waiters
        .next(id, condition === 'removed' ? 'removal' : 'exit', signal)
        .then(({ exitCode, error }) =>
          error === undefined ? { StatusCode: exitCode } : { StatusCode: exitCode, Error: { Message: error } },
        );
      return { done };
    },

    remove: (ref, options) => (options.link ? removeLink(ctx, ref) : remove(ctx, ref, options)),

    async rename(ref, name) {
      const { id } = ctx.store.lookup(ref);
      if (name === '') throw invalidParameter({ message: 'Neither old nor new names may be empty' });
      const wanted = newName(name);
      await ctx.lock.run(id, async () => {
        const record = ctx.store.get(id);
        if (record.name === wanted) {
          throw invalidParameter({ message: 'Renaming a container with the same name as its current name' });
        }
        using _reservation = reserve(wanted, id);
        const renamed = ctx.store.change(id, { name: wanted });
        for (const attachment of renamed.attachments) {
          if (attachment.endpoint !== null) {
            await networks.rename(id, attachment.networkId, dnsNames(renamed, attachment));
          }
        }
        publish(ctx, renamed, 'rename', { oldName: `/${record.name}` });
        await ctx.options.storage.db.synced();
      });
    },

    list: (options) => list(ctx, options),
    async inspect(ref, options) {
      const record = ctx.store.lookup(ref);
      // Behind the answer.
      setImmediate(() => ctx.execs.expect(record.id));
      return await inspect(ctx, record, options.size);
    },

    async logs(ref, options, signal) {
      const record = ctx.store.lookup(ref);
      if (!options.stdout && !options.stderr) {
        throw invalidParameter({ message: 'Bad parameters: you must choose at least one stream' });
      }
      if (!isLogReadable(record.hostConfig)) {
        throw unsupported({ message: 'configured logging driver does not support reading' });
      }
      const tty = record.config.Tty ?? false;
      const { sinceNanos, untilNanos, tail, stdout, stderr, timestamps, details } = options;
      const stream = runtime.readLogs(
        record.id,
        logPath(ctx, record.id),
        {
          stdout,
          stderr,
          timestamps,
          details,
          tty,
          follow: options.follow && (isLive(record.state) || record.state.kind === 'created'),
          ...(sinceNanos === undefined ? {} : { sinceNanos }),
          ...(untilNanos === undefined ? {} : { untilNanos }),
          ...(tail === undefined ? {} : { tail }),
        },
        signal,
      );
      return { tty, stream };
    },

    async attach(ref, options) {
      const record = ctx.store.lookup(ref);
      if (record.state.kind === 'paused') {
        throw stateConflict({ message: `container ${record.id} is paused, unpause the container before attach` });
      }
      if (record.state.kind === 'restarting') {
        throw stateConflict({
          message: `container ${record.id} is restarting, wait until the container is running`,
        });
      }
      const tty = record.config.Tty ?? false;
      const keys = parseDetachKeys(options.detachKeys || DEFAULT_DETACH_KEYS);
      const stream: Duplex = await runtime.attach(record.id, {
        stdin: options.stdin && (record.config.OpenStdin ?? false),
        stdout: options.stdout,
        stderr: options.stderr,
        logs: options.logs,
        stream: options.stream,
        tty,
      });
      publish(ctx, record, 'attach');
      if (!tty || !options.stdin) return { tty, stream };
      return { tty, stream: withDetachKeys(stream, keys, () => publish(ctx, record, 'detach')) };
    },

    async resize(ref, size) {
      const record = running(ref);
      await runtime.resize(record.id, undefined, size);
      publish(ctx, record, 'resize', { height: String(size.rows), width: String(size.columns) });
    },

    update: (ref, change) => ctx.lock.run(ctx.store.lookup(ref).id, () => update(ctx, ref, change)),

    async top(ref, psArgs) {
      const record = running(ref);
      const result = await top(await runtime.pids(record.id), psArgs);
      publish(ctx, record, 'top');
      return result;
    },

    async changes(ref) {
      const kinds = { modified: 0, added: 1, deleted: 2 } as const;
      const found = await storage.snapshots.changes(ctx.store.lookup(ref).id);
      return found.filter((c) => !OWN_PATHS.test(c.path)).map((c) => ({ Path: c.path, Kind: kinds[c.kind] }));
    },

    async stats(ref) {
      const record = ctx.store.lookup(ref);
      const live = isLive(record.state) ? record.state : undefined;
      const hasNetwork = record.attachments.some((a) => a.endpoint !== null);
      return wireStats({
        id: record.id,
        name: record.name,
        stats: live === undefined ? undefined : await runtime.stats(record.id),
        networkPid: hasNetwork ? live?.pid : undefined,
        at: nowRfc3339(),
        cgroupV2: runtime.info().cgroupMode === 'v2',
      });
    },

    archiveStat: (ref, path) => archiveStat(ctx, ctx.store.lookup(ref), path),
    archiveGet: (ref, path) => archiveGet(ctx, ctx.store.lookup(ref), path),
    archivePut: (ref, path, tar, options) => archivePut(ctx, ctx.store.lookup(ref), path, tar, options),
    export: (ref) => exportRoot(ctx, ctx.store.lookup(ref)),

    async prune(filters) {
      checkFilters(filters, ['until', 'label', 'label!']);
      const until = parseUntil(filters);
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const { id } of ctx.store.all()) {
        await ctx.lock.run(id, async () => {
          const record = ctx.store.find(id);
          if (record === undefined || !['created', 'exited', 'dead'].includes(record.state.kind)) return;
          if (until !== undefined && millisOf(record.createdAt) >= until) return;
          const { Labels } = record.config;
          if (!hasLabels(Labels, filters['label']) || !lacksLabels(Labels, filters['label!'])) return;
          const { sizeBytes } = await storage.snapshots.usage(id);
          await removeLocked(ctx, record, true);
          reclaimed += sizeBytes;
          deleted.push(id);
        });
      }
      ctx.events.publish({ type: 'container', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
      return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
    },

    usersOfImage: (imageId) =>
      ctx.store.all().flatMap((c) => (standsOn(c, imageId) ? [{ id: c.id, running: isLive(c.state) }] : [])),
    usersOfVolume: (name) => usersOfVolume(ctx, name),
  };

  function newName(name: string): string {
    try {
      return checkName(name);
    } catch (cause) {
      const message = messageOf(cause).replace(`(${name})`, `(/${name})`);
      throw invalidParameter({ message: `Error when allocating new name: ${message}` }, { cause });
    }
  }

  function reserve(name: string, id: string): Disposable {
    try {
      return ctx.store.reserveName(name, id);
    } catch (error) {
      if (!nameConflict.is(error)) throw error;
      throw stateConflict({ message: `Error when allocating new name: ${error.message}` }, { cause: error });
    }
  }
}

async function update(
  ctx: Context,
  ref: string,
  change: Resources & { readonly RestartPolicy?: RestartPolicy },
): Promise<{ Warnings: string[] | null }> {
  const record = ctx.store.lookup(ref);
  if (record.state.kind === 'removing' || record.state.kind === 'dead') {
    throw stateConflict({
      message: `Cannot update container ${record.id}: container is marked for removal and cannot be "update"`,
    });
  }
  checkPolicyUpdate(record.hostConfig, change.RestartPolicy);
  const { host: hostConfig, warnings } = possibleLimits(
    changedHostConfig(record, change),
    readLimitFacts(ctx.options.runtime.info()),
  );
  if (isLive(record.state)) await ctx.options.runtime.update(record.id, buildResources(resourceInput(hostConfig)));
  publish(ctx, ctx.store.change(record.id, { hostConfig }), 'update');
  await ctx.options.storage.db.synced();
  return { Warnings: warnings.length > 0 ? [...warnings] : null };
}

/** The host config with the limits that a change names; zero leaves a limit as it is. */
function changedHostConfig(
  record: ContainerRecord,
  change: Resources & { readonly RestartPolicy?: RestartPolicy },
): HostConfig {
  const host: HostConfig = { ...record.hostConfig };
  const { Memory = 0, MemorySwap = 0 } = change;
  const swapBefore = host.MemorySwap ?? 0;
  if (Memory > 0 && MemorySwap === 0 && swapBefore > 0 && Memory > swapBefore) {
    throw stateConflict({
      message:
        `Cannot update container ${record.id}: Memory limit should be smaller than already set memoryswap limit, ` +
        'update the memoryswap at the same time',
    });
  }
  for (const field of [
    'Memory',
    'MemorySwap',
    'MemoryReservation',
    'CpuShares',
    'CpuPeriod',
    'CpuQuota',
    'NanoCpus',
    'BlkioWeight',
    'CpuRealtimePeriod',
    'CpuRealtimeRuntime',
  ] as const) {
    const value = change[field];
    if (value) host[field] = value;
  }
  if (change.CpusetCpus) host.CpusetCpus = change.CpusetCpus;
  if (change.CpusetMems) host.CpusetMems = change.CpusetMems;
  if (change.PidsLimit !== null && change.PidsLimit !== undefined && change.PidsLimit !== 0) {
    host.PidsLimit = change.PidsLimit > 0 ? change.PidsLimit : null;
  }
  if (change.RestartPolicy?.Name) {
    host.RestartPolicy = {
      Name: change.RestartPolicy.Name,
      MaximumRetryCount: change.RestartPolicy.MaximumRetryCount ?? 0,
    };
  }
  return host;
}
