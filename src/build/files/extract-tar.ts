import { createWriteStream } from 'node:fs';
import { chmod, lchown, link, mkdir, rm, symlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Header } from 'tar-stream';
import { extract } from 'tar-stream';
import { lutimeNanos, mknod, S_IF, makedev } from '../../linux/index.ts';
import { messageOf, WharfError } from '../../core/errors.ts';
import { badContext } from '../errors.ts';
import { decompressed } from './decompress.ts';
import { clamp, makeDirectories, resolveInRoot, statOf } from './in-root.ts';
import type { ModeChange } from './mode-change.ts';

export interface ExtractOptions {
  /** Nothing is written outside of it, whatever names and links the tar holds. */
  readonly root: string;
  /** Below the root, resolved; made if missing. */
  readonly into: string;
  /** `undefined`: as the tar says. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode?: ModeChange | undefined;
  readonly signal: AbortSignal;
}

/**
 * Unpacks a tar, plain or compressed. An entry replaces what is there, unless both are directories.
 * @throws {WharfError} `BAD_CONTEXT` at what is no tar, or a hard link to nowhere
 */
export async function extractTar(tar: Readable, options: ExtractOptions): Promise<void> {
  const { root, into, signal } = options;
  await makeDirectories(root, into);
  const directoryTimes: [path: string, mtime: bigint][] = [];
  const entries = extract();
  const feeding = pipeline(decompressed(tar), entries, { signal });
  feeding.catch(() => undefined); // the loop below meets it
  try {
    for await (const entry of entries) {
      signal.throwIfAborted();
      await unpack(entry.header, entry as unknown as Readable, options, directoryTimes);
      entry.resume();
    }
    await feeding;
  } catch (e) {
    signal.throwIfAborted();
    if (e instanceof WharfError) throw e;
    throw badContext({ reason: messageOf(e) }, { cause: e });
  } finally {
    tar.destroy();
  }
  for (const [path, mtime] of directoryTimes.toReversed()) {
    if (statOf(path)?.isDirectory()) lutimeNanos(path, mtime, mtime);
  }
}

async function unpack(
  header: Header,
  content: Readable,
  { root, into, owner, mode, signal }: ExtractOptions,
  directoryTimes: [path: string, mtime: bigint][],
): Promise<void> {
  const name = clamp(header.name);
  const parent = resolveInRoot(root, `${into}/${posix.dirname(name)}`);
  const isRoot = name === '';
  if (!isRoot) await makeDirectories(root, parent);
  const path = isRoot ? join(root, into) : join(root, parent, posix.basename(name));
  const there = statOf(path);
  const isDirectory = header.type === 'directory';
  if (isRoot && !isDirectory) return;
  if (there !== undefined && !(isDirectory && there.isDirectory())) await rm(path, { recursive: true });
  switch (header.type) {
    case 'directory':
      if (!there?.isDirectory()) await mkdir(path, { mode: 0o700 });
      break;
    case 'symlink':
      await symlink(header.linkname ?? '', path);
      break;
    case 'link': {
      const target = resolveInRoot(root, `${into}/${clamp(header.linkname ?? '')}`, false);
      if (statOf(join(root, target)) === undefined) {
        throw badContext({ reason: `${header.name} is a link to ${header.linkname}, which is not there` });
      }
      await link(join(root, target), path);
      return;
    }
    case 'fifo':
      mknod(path, S_IF.IFO | 0o600);
      break;
    case 'character-device':
    case 'block-device': {
      const type = header.type === 'block-device' ? S_IF.BLK : S_IF.CHR;
      mknod(path, type | 0o600, makedev(header.devmajor ?? 0, header.devminor ?? 0));
      break;
    }
    case 'file':
    case 'contiguous-file':
    case undefined:
    case null:
      await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
      break;
    default:
      return; // headers of headers: nothing to make
  }
  await lchown(path, owner?.uid ?? header.uid ?? 0, owner?.gid ?? header.gid ?? 0);
  if (header.type !== 'symlink') {
    const own = (header.mode ?? 0o644) & 0o7777;
    await chmod(path, mode?.(own, isDirectory) ?? own);
  }
  const mtime = BigInt(header.mtime?.getTime() ?? 0) * 1_000_000n;
  if (isDirectory) directoryTimes.push([path, mtime]);
  else lutimeNanos(path, mtime, mtime);
}
