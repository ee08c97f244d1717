import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readlink, stat, symlink, unlink, utimes } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { PassThrough, pipeline as pipe, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Pack } from 'tar-stream';
import { posix } from 'node:path';
import type { CommandContext } from './command.ts';
import { ExitError } from './errors.ts';
import { humanSize } from './format/human.ts';

interface CopyOptions {
  readonly archive: boolean;
  readonly followLink: boolean;
  readonly quiet: boolean;
}

/** Bits of Go's FileMode that say what a path is. */
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;

/** Copies out of a container; `-` writes the tar to stdout. */
export async function copyFrom(
  container: string,
  path: string,
  target: string,
  { followLink, quiet }: CopyOptions,
  context: CommandContext,
): Promise<number> {
  const { client } = context;
  let source = path;
  if (followLink) {
    const about = await client.containers.archiveStat(container, path);
    const link = about['linkTarget'];
    if ((Number(about['mode']) & GO_SYMLINK) !== 0 && typeof link === 'string')
      source = posix.resolve(posix.dirname(path), link);
  }
  const { stat: about, tar } = await client.containers.archiveGet(container, source);
  if (target === '-') {
    if (context.stdout.isTTY === true) throw new ExitError('cannot output to the terminal: redirect stdout', 1);
    await pipeline(tar, context.stdout, { end: false });
    return 0;
  }
  const isDirectory = isGoDirectory(Number(about['mode']));
  const full = resolve(context.cwd, target);
  const there = await stat(full).catch(() => undefined);
  const contentsOnly = /(^|\/)\.$/.test(path);
  let folder: string;
  let name: string | undefined;
  if (there?.isDirectory() === true) {
    folder = full;
    name = contentsOnly ? '' : posix.basename(path);
  } else {
    if (there === undefined && target.endsWith('/') && !isDirectory)
      throw new ExitError(`destination "${target}" must be a directory`, 1);
    if (there !== undefined && isDirectory) throw new ExitError('cannot copy directory', 1);
    folder = dirname(full);
    await stat(folder).catch((e: unknown) => {
      throw new ExitError(`invalid output path: directory "${folder}" does not exist`, 1, e);
    });
    name = basename(full);
  }
  const bytes = await unpack(tar, folder, name);
  if (!quiet && context.stderr.isTTY === true) context.warn(`Successfully copied ${humanSize(bytes, 3)} to ${full}`);
  return 0;
}

/** Copies into a container; `-` takes a tar from stdin. */
export async function copyTo(
  path: string,
  container: string,
  target: string,
  { archive, followLink, quiet }: CopyOptions,
  context: CommandContext,
): Promise<number> {
  const { client } = context;
  const about = await client.containers.archiveStat(container, target).catch(() => undefined);
  const targetIsDirectory = about !== undefined && isGoDirectory(Number(about['mode']));
  const put = (folder: string, tar: Readable) =>
    client.containers.archivePut(container, folder, tar, {
      noOverwriteDirNonDir: true,
      ...(archive ? { copyUidGid: true } : {}),
    });
  if (path === '-') {
    if (!targetIsDirectory) throw new ExitError(`destination "${container}:${target}" must be a directory`, 1);
    await put(target, context.stdin);
    return 0;
  }
  const full = resolve(context.cwd, path);
  const source = await (followLink ? stat(full) : lstat(full)).catch((e: unknown) => {
    throw new ExitError(`lstat ${full}: no such file or directory`, 1, e);
  });
  if (about !== undefined && !targetIsDirectory && source.isDirectory())
    throw new ExitError('cannot copy directory', 1);
  if (about === undefined && target.endsWith('/') && !source.isDirectory()) {
    throw new ExitError('no such directory', 1);
  }
  const contentsOnly = /(^|\/)\.$/.test(path);
  const folder = targetIsDirectory ? target : posix.dirname(posix.resolve('/', target));
  const name = targetIsDirectory ? (contentsOnly ? '' : basename(full)) : posix.basename(target);
  const counted = { bytes: 0 };
  await put(folder, packTree(full, name, archive, followLink, counted));
  if (!quiet && context.stderr.isTTY === true) {
    context.warn(`Successfully copied ${humanSize(counted.bytes, 3)} to ${container}:${target}`);
  }
  return 0;
}

function isGoDirectory(mode: number): boolean {
  return mode >= GO_DIRECTORY;
}

/** Unpacks into `folder`, the top entry renamed to `name`; an empty name puts its contents there. */
async function unpack(tar: Readable, folder: string, name: string): Promise<number> {
  let bytes = 0;
  const reader = extract();
  const fed = pipeline(tar, reader);
  fed.catch(() => undefined);
  const directories: { path: string; mtime: Date; mode: number }[] = [];
  for await (const entry of reader) {
    const { header } = entry;
    const [, ...below] = header.name.replace(/^\/+/, '').replace(/\/+$/, '').split('/');
    const parts = [name, ...below].filter((p) => p !== '' && p !== '.');
    if (parts.includes('..')) throw new Error(`the archive holds an unsafe path: ${header.name}`);
    const path = join(folder, ...parts);
    await refuseLinkOnTheWay(folder, parts);
    bytes += 512 + Math.ceil((header.size ?? 0) / 512) * 512;
    const mode = header.mode ?? 0o644;
    if (header.type === 'directory') {
      await mkdir(path, { recursive: true });
      directories.push({ path, mtime: header.mtime ?? new Date(), mode });
      entry.resume();
    } else {
      await mkdir(dirname(path), { recursive: true });
      if (header.type === 'symlink') {
        await unlink(path).catch(() => undefined);
        await symlink(header.linkname ?? '', path);
        entry.resume();
      } else if (header.type === 'file' || header.type === 'contiguous-file') {
        await unlink(path).catch(() => undefined);
        await pipeline(entry, createWriteStream(path));
        await chmod(path, mode & 0o7777);
        await utimes(path, header.mtime ?? new Date(), header.mtime ?? new Date());
      } else entry.resume();
    }
  }
  await fed;
  for (const { path, mtime, mode } of directories.toReversed()) {
    await chmod(path, mode & 0o7777);
    await utimes(path, mtime, mtime);
  }
  return bytes + 1024;
}

/** An archive from a container is foreign: a link in it must not lead its later entries out of `folder`. */
async function refuseLinkOnTheWay(folder: string, parts: readonly string[]): Promise<void> {
  let path = folder;
  for (const part of parts.slice(0, -1)) {
    path = join(path, part);
    const there = await lstat(path).catch(() => undefined);
    if (there === undefined) return;
    if (there.isSymbolicLink()) throw new Error(`refusing to write through the link ${path}`);
  }
}

function packTree(root: string, name: string, owners: boolean, follow: boolean, counted: { bytes: number }): Readable {
  const tar = pack();
  const out = pipe(tar, new PassThrough(), () => undefined);
  addTree(tar, root, name === '' ? '.' : name, owners, follow, counted).then(
    () => tar.finalize(),
    (e: unknown) => tar.destroy(e instanceof Error ? e : new Error(String(e))),
  );
  return out;
}

async function addTree(
  tar: Pack,
  path: string,
  name: string,
  owners: boolean,
  follow: boolean,
  counted: { bytes: number },
): Promise<void> {
  const about = follow ? await stat(path) : await lstat(path);
  const header = {
    name,
    mode: about.mode & 0o7777,
    mtime: about.mtime,
    uid: owners ? about.uid : 0,
    gid: owners ? about.gid : 0,
  };
  counted.bytes += 512;
  const entry = (h: Parameters<Pack['entry']>[0]) =>
    new Promise<void>((done, fail) => void tar.entry(h, (e) => (e ? fail(e) : done())));
  if (about.isDirectory()) {
    await entry({ ...header, name: `${name}/`, type: 'directory' });
    for (const child of (await readdir(path)).toSorted()) {
      await addTree(tar, join(path, child), `${name}/${child}`, owners, false, counted);
    }
  } else if (about.isSymbolicLink()) {
    await entry({ ...header, type: 'symlink', linkname: (await readlink(path)).split(sep).join('/') });
  } else if (about.isFile()) {
    counted.bytes += Math.ceil(about.size / 512) * 512;
    if (about.size === 0) await entry({ ...header, size: 0 });
    else await pipeline(createReadStream(path, { end: about.size - 1 }), tar.entry({ ...header, size: about.size }));
  }
}
