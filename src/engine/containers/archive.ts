import { readlinkSync, type Stats } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, invalidParameter } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { pathNotFound } from '../errors.ts';
import { packTree } from './archive-pack.ts';
import { unpackInto } from './archive-unpack.ts';
import { resolveUser } from '../../runtime/index.ts';
import type { Context } from './context.ts';
import { publish } from './context.ts';
import type { ContainerRecord } from './record.ts';
import type { Place, Root } from './rooted.ts';
import { walk } from './rooted.ts';
import { isLive } from './state.ts';
import { formatNanos } from './time.ts';
import { mapsOf } from './user-namespace.ts';

/** `HEAD archive`: what the header X-Docker-Container-Path-Stat holds. A link at the end is described, not followed. */
export async function archiveStat(
  ctx: Context,
  record: ContainerRecord,
  path: string,
): Promise<Record<string, unknown>> {
  return await inTree(ctx, record, async (root) => {
    using found = find(root, record, path);
    return describe(root, found, path);
  });
}

/** `GET archive`: a tar whose first entry is the path's last name. */
export async function archiveGet(
  ctx: Context,
  record: ContainerRecord,
  path: string,
): Promise<{ readonly stat: Record<string, unknown>; readonly tar: Readable }> {
  const lease = await leaseTree(ctx, record);
  try {
    const found = find(lease.root, record, path);
    const stat = describe(lease.root, found, path);
    const tar = packTree(lease.root, found, entryName(path), async () => {
      found[Symbol.dispose]();
      await lease.release();
    });
    publish(ctx, record, 'archive-path');
    return { stat, tar };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** `PUT archive`: unpacks a tar (plain or gzip) into a directory. */
export async function archivePut(
  ctx: Context,
  record: ContainerRecord,
  path: string,
  tar: Readable,
  options: { readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
): Promise<void> {
  if (path === '') throw invalidParameter({ message: 'bad parameter: path cannot be empty' });
  await inTree(ctx, record, async (root) => {
    using target = find(root, record, `${path}/.`, path);
    if (!target.stats.isDirectory()) throw invalidParameter({ message: 'extraction point is not a directory' });
    const mount = record.mounts
      .filter((m) => target.inside === m.target || target.inside.startsWith(`${m.target}/`))
      .at(-1);
    if (mount?.readOnly) throw invalidParameter({ message: 'mounted volume is marked read-only' });
    if (mount === undefined && record.hostConfig.ReadonlyRootfs) {
      throw invalidParameter({ message: 'container rootfs is marked read-only' });
    }
    const user = record.config.User ?? '';
    const owner = options.copyUidGid && user !== '' ? resolveUser(root.path, user, []) : undefined;
    await unpackInto(root, target.inside, tar, { keepKind: options.noOverwriteDirNonDir, owner });
  });
  publish(ctx, record, 'extract-to-dir');
}

/** The whole root as a tar, without what is mounted in it. */
export async function exportRoot(ctx: Context, record: ContainerRecord): Promise<Readable> {
  const { snapshots } = ctx.options.storage;
  const release = await mounted(ctx, record);
  const path = snapshots.mountpoint(record.id) ?? '';
  const now = ctx.store.find(record.id) ?? record;
  const root: Root = { path, ids: isLive(now.state) ? mapsOf(ctx, now) : undefined, mounts: new Map() };
  const top = walk(root, '/', { follow: true });
  publish(ctx, record, 'export');
  return packTree(root, top, '', async () => {
    top[Symbol.dispose]();
    await release();
  });
}

interface Lease {
  readonly root: Root;
  release(): Promise<void>;
}

/**
 * The tree as the container sees it. A running one is seen through its own process, mounts and all; of another the root is
 * mounted meanwhile, and volumes and binds are stepped into where they would be.
 */
async function leaseTree(ctx: Context, record: ContainerRecord): Promise<Lease> {
  if (isLive(record.state)) {
    const ids = mapsOf(ctx, record);
    return { root: { path: `/proc/${record.state.pid}/root`, ids, mounts: new Map() }, release: async () => undefined };
  }
  await using undo = new AsyncDisposableStack();
  undo.defer(await mounted(ctx, record));
  const { snapshots, volumes } = ctx.options.storage;
  const mounts = new Map<string, string>();
  const user = `copy ${newId()}`;
  for (const mount of record.mounts) {
    if (mount.kind === 'bind') mounts.set(mount.target, mount.source);
    else if (mount.kind === 'volume') {
      undo.defer(() => volumes.release(mount.name, user));
      const data = await volumes.acquire(mount.name, user);
      mounts.set(
        mount.target,
        mount.subpath === '' ? data : undo.use(volumes.openPath(mount.name, mount.subpath)).path,
      );
    }
  }
  const held = undo.move();
  return {
    root: { path: snapshots.mountpoint(record.id) ?? '', mounts },
    release: () => held.disposeAsync(),
  };
}

async function inTree<T>(ctx: Context, record: ContainerRecord, work: (root: Root) => Promise<T>): Promise<T> {
  const lease = await leaseTree(ctx, record);
  try {
    return await work(lease.root);
  } finally {
    await lease.release();
  }
}

/** Mounts the root of a container that does not run; the result unmounts it, unless it runs by then. */
async function mounted(ctx: Context, record: ContainerRecord): Promise<() => Promise<void>> {
  const { snapshots } = ctx.options.storage;
  await ctx.lock.run(record.id, async () => {
    // That of a running one is there, perhaps with mapped users.
    await ctx.ahead.drop(record.id);
    if (snapshots.mountpoint(record.id) === undefined) await snapshots.mount(record.id);
  });
  return () =>
    ctx.lock.run(record.id, async () => {
      const now = ctx.store.find(record.id);
      if (now !== undefined && !isLive(now.state)) await snapshots.unmount(record.id);
    });
}

function find(root: Root, record: ContainerRecord, path: string, shown: string = path): Place {
  if (path === '') throw invalidParameter({ message: 'bad parameter: path cannot be empty' });
  try {
    const isDirectoryMeant = /(^|\/)\.?$/.test(path);
    const found = walk(root, path, { follow: isDirectoryMeant });
    if (isDirectoryMeant && shown === path && !found.stats.isDirectory()) {
      found[Symbol.dispose]();
      throw invalidParameter({ message: `lstat ${path}: not a directory` });
    }
    return found;
  } catch (cause) {
    const code = errnoOf(cause);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause;
    throw pathNotFound({ path: shown, container: record.name }, { cause });
  }
}

/** `/tmp` and `/tmp/` give `tmp`, `/tmp/.` gives `.`, `/` gives `/`. */
function entryName(path: string): string {
  if (path.endsWith('/.')) return '.';
  return basename(path.replace(/\/+$/, '')) || '/';
}

function describe(root: Root, found: Place, path: string): Record<string, unknown> {
  const { stats } = found;
  let linkTarget = '';
  if (stats.isSymbolicLink()) {
    try {
      using target = walk(root, path, { follow: true });
      linkTarget = target.inside;
    } catch {
      linkTarget = writtenTarget(root, path);
    }
  }
  return {
    name: entryName(path),
    size: stats.size,
    mode: goFileMode(stats),
    mtime: formatNanos(BigInt(Math.floor(stats.mtimeMs)) * 1_000_000n),
    linkTarget,
  };
}

/** Where a link that leads nowhere says that it leads, as an absolute path of the container; empty if that cannot be told. */
function writtenTarget(root: Root, path: string): string {
  try {
    using parent = walk(root, dirname(path), { follow: true });
    return posix.resolve(parent.inside, readlinkSync(join(parent.path, basename(path))));
  } catch {
    return '';
  }
}

/** Go's os.FileMode bits, which the header carries. */
function goFileMode(stats: Stats): number {
  let mode = stats.mode & 0o777;
  if (stats.isDirectory()) mode += 2 ** 31;
  if (stats.isSymbolicLink()) mode += 2 ** 27;
  if (stats.isBlockDevice() || stats.isCharacterDevice()) mode += 2 ** 26;
  if (stats.isFIFO()) mode += 2 ** 25;
  if (stats.isSocket()) mode += 2 ** 24;
  if (stats.mode & 0o4000) mode += 2 ** 23;
  if (stats.mode & 0o2000) mode += 2 ** 22;
  if (stats.isCharacterDevice()) mode += 2 ** 21;
  if (stats.mode & 0o1000) mode += 2 ** 20;
  return mode;
}
