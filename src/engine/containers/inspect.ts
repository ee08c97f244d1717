import { join } from 'node:path';
import type { ContainerInspect } from '../../core/wire/container.ts';
import type { Context } from './context.ts';
import { containerDirectory, logPath } from './context.ts';
import { argvOf } from './merge-config.ts';
import { wireMounts } from './mounts.ts';
import type { ContainerRecord } from './record.ts';
import { isLive, wireState } from './state.ts';
import { wireNetworkSettings } from './wire-networks.ts';

/** `GET /containers/{id}/json`. `size` walks the container's changes, which costs time. */
export async function inspect(ctx: Context, record: ContainerRecord, size: boolean): Promise<ContainerInspect> {
  const { storage } = ctx.options;
  const [path = '', ...args] = argvOf(record.config);
  const mode = record.hostConfig.NetworkMode ?? '';
  const etcOwner = mode.startsWith('container:') ? ownerOf(ctx, mode.slice('container:'.length)) : record.id;
  const etc = (name: string) => (etcOwner === undefined ? '' : join(containerDirectory(ctx, etcOwner), name));
  const execIds = ctx.execs.idsOf(record.id);
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: path,
    Args: args,
    State: wireState(record.state, ctx.health.of(record.id)),
    Image: record.imageId,
    ResolvConfPath: etc('resolv.conf'),
    HostnamePath: etc('hostname'),
    HostsPath: etc('hosts'),
    // What other drivers keep is theirs alone.
    LogPath: ['json-file', 'local'].includes(record.hostConfig.LogConfig?.Type || 'json-file')
      ? logPath(ctx, record.id)
      : '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: isLive(record.state) && execIds.length > 0 ? execIds : null,
    HostConfig: record.hostConfig,
    GraphDriver: graphDriver(ctx, record.id),
    ...(size ? await sizes(ctx, record) : {}),
    Mounts: wireMounts(record.mounts, (name) => storage.volumes.dataPath(name)),
    Config: record.config,
    NetworkSettings: wireNetworkSettings(ctx, record),
  };
}

/** Bytes written by the container, and those with its image's. */
export async function sizes(ctx: Context, record: ContainerRecord): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const { sizeBytes } = await ctx.options.storage.snapshots.usage(record.id);
  const image = record.imageId === '' ? undefined : ctx.images.find(record.imageId);
  return { SizeRw: sizeBytes, SizeRootFs: sizeBytes + (image?.sizeBytes ?? 0) };
}

function graphDriver(ctx: Context, id: string): { Name: string; Data: Record<string, string> } {
  const { snapshots } = ctx.options.storage;
  if (!snapshots.has(id)) return { Name: 'overlay2', Data: {} };
  const dirs = snapshots.directories(id);
  return {
    Name: 'overlay2',
    Data: { ID: id, LowerDir: dirs.lower.join(':'), MergedDir: dirs.merged, UpperDir: dirs.upper, WorkDir: dirs.work },
  };
}

function ownerOf(ctx: Context, ref: string): string | undefined {
  try {
    return ctx.store.lookup(ref).id;
  } catch {
    return undefined;
  }
}
