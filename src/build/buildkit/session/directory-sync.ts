import { chmodSync, closeSync, linkSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { join, posix } from 'node:path';
import { lutimeNanos, makedev, mknod, S_IF } from '../../../linux/index.ts';
import type { KeptDirectory } from '../../context/kept-contexts.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import type { FileStat } from '../wire/messages.ts';
import { permissionsOf } from './context-tar.ts';
import { GO_MODE, hasContent, openTransfer, type SyncRequest } from './file-sync.ts';
import type { Session } from './sessions.ts';

/**
 * Makes a kept directory what the client's is now: only what is not the same by type, mode, size, time and link is asked for.
 * Owners make no difference.
 * @param onBytes told how much has come so far
 * @throws {RpcError}
 */
export async function syncDirectory(
  session: Session,
  request: SyncRequest,
  kept: KeptDirectory,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  using transfer = openTransfer(session, request, signal, onBytes);
  const stats = await transfer.stats();
  checkPaths(stats);
  const after = new Map(stats.map((stat) => [stat.path, signOf(stat)]));
  const at = (path: string) => join(kept.path, path);
  const touched = new Set<string>();
  const changed = new Set<string>();
  const gone = [...kept.before].filter(([path, sign]) => {
    const now = after.get(path);
    return now !== sign && kindOf(now) !== kindOf(sign);
  });
  if (gone.length > 0 || stats.some(({ path }) => kept.before.get(path) !== after.get(path))) await kept.change();
  for (const [path] of gone) {
    rmSync(at(path), { recursive: true, force: true });
    touched.add(posix.dirname(path));
  }
  const files: { id: number; size: number; stat: FileStat }[] = [];
  for (const [id, stat] of stats.entries()) {
    const { path, mode, linkname } = stat;
    const isLink = (mode & GO_MODE.type) === 0 && linkname !== '';
    const isSame = kept.before.get(path) === after.get(path) && !(isLink && changed.has(linkname));
    if (isSame) continue;
    changed.add(path);
    touched.add(posix.dirname(path));
    if (mode & GO_MODE.directory) {
      mkdirSync(at(path), { recursive: true });
      chmodSync(at(path), permissionsOf(mode));
      touched.add(path);
      continue;
    }
    rmSync(at(path), { force: true });
    if (hasContent(stat)) files.push({ id, size: stat.size, stat });
    else if (!isLink) makeSpecial(at(path), stat);
  }
  const contents = transfer.contents(files);
  for (const { stat } of files) {
    const { value: content } = await contents.next();
    if (content !== undefined) await writeFile(at(stat.path), stat, content);
  }
  await transfer.finish();
  const byPath = new Map(stats.map((stat) => [stat.path, stat]));
  for (const path of changed) {
    const stat = byPath.get(path);
    if (stat !== undefined && (stat.mode & GO_MODE.type) === 0 && stat.linkname !== '')
      linkSync(at(stat.linkname), at(path));
  }
  for (const path of touched) {
    const stat = byPath.get(path);
    if (stat !== undefined) lutimeNanos(at(path), stat.modTime, stat.modTime);
  }
  await kept.finish(after);
}

/** What comes from a client must not lead out: clean relative paths, each in a directory that came before it. */
function checkPaths(stats: readonly FileStat[]): void {
  const directories = new Set(['.']);
  const seen = new Set<string>();
  for (const { path, mode, linkname } of stats) {
    const isHardLink = (mode & GO_MODE.type) === 0 && linkname !== '';
    const isClean = path !== '' && posix.normalize(path) === path && !path.startsWith('/') && !path.endsWith('/');
    const isInside = directories.has(posix.dirname(path)) && posix.basename(path) !== '..' && path !== '.';
    if (!isClean || !isInside || seen.has(path) || (isHardLink && !seen.has(linkname))) {
      throw new RpcError(CODE.invalidArgument, `the client sent a path that cannot be: ${JSON.stringify(path)}`);
    }
    seen.add(path);
    if (mode & GO_MODE.directory) directories.add(path);
  }
}

/** Stands for all that matters of a file: type and mode first. */
function signOf({ mode, size, modTime, linkname, devmajor, devminor }: FileStat): string {
  return `${mode & GO_MODE.type} ${linkname === '' ? '' : 'link'} ${mode} ${size} ${modTime} ${devmajor}:${devminor} ${linkname}`;
}

function kindOf(sign: string | undefined): string {
  return sign?.split(' ', 2).join(' ') ?? '';
}

async function writeFile(path: string, stat: FileStat, content: AsyncIterable<Buffer>): Promise<void> {
  const fd = openSync(path, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
  } finally {
    closeSync(fd);
  }
  chmodSync(path, permissionsOf(stat.mode));
  lutimeNanos(path, stat.modTime, stat.modTime);
}

function makeSpecial(path: string, { mode, linkname, modTime, devmajor, devminor }: FileStat): void {
  if (mode & GO_MODE.socket) return;
  if (mode & GO_MODE.symlink) symlinkSync(linkname, path);
  else if (mode & GO_MODE.pipe) mknod(path, S_IF.IFO | 0o600);
  else mknod(path, (mode & GO_MODE.charDevice ? S_IF.CHR : S_IF.BLK) | 0o600, makedev(devmajor, devminor));
  if (!(mode & GO_MODE.symlink)) chmodSync(path, permissionsOf(mode));
  lutimeNanos(path, modTime, modTime);
}
