import {
  closeSync,
  constants,
  createWriteStream,
  fchmodSync,
  fchownSync,
  linkSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { invalidParameter } from '../../core/errors.ts';
import type { Root } from './rooted.ts';
import { walk } from './rooted.ts';

/**
 * Unpacks a tar, plain or gzip, into a directory of a tree. Names and links of the tar cannot lead out of the tree. With
 * `keepKind` a directory does not replace a file nor a file a directory. @throws {WharfError} `INVALID_PARAMETER`
 */
export async function unpackInto(root: Root, directory: string, tar: Readable, keepKind: boolean): Promise<void> {
  const entries = extract();
  const feeding = (async () => {
    const [source, compressed] = await sniff(tar);
    if (compressed) await pipeline(source, createGunzip(), entries as unknown as NodeJS.WritableStream);
    else await pipeline(source, entries as unknown as NodeJS.WritableStream);
  })();
  feeding.catch((error: unknown) => entries.destroy(error instanceof Error ? error : new Error(String(error))));
  for await (const item of entries) {
    await unpackEntry(root, directory, item.header, item as unknown as Readable, keepKind);
  }
  await feeding;
}

async function unpackEntry(
  root: Root,
  directory: string,
  header: Header,
  content: Readable,
  keepKind: boolean,
): Promise<void> {
  const inside = posix.join(directory, posix.join('/', header.name));
  const isDirectory = header.type === 'directory';
  if (inside === directory || inside === `${directory}/`) {
    content.resume();
    return;
  }
  using parent = walk(root, posix.dirname(inside), { follow: true, makeDirectories: true });
  const path = `${parent.path}/${posix.basename(inside)}`;
  const before = lstatSync(path, { throwIfNoEntry: false });
  if (keepKind && before !== undefined && before.isDirectory() !== isDirectory) {
    throw invalidParameter({
      message: isDirectory
        ? `cannot overwrite non-directory "${inside}" with directory "${header.name}"`
        : `cannot overwrite directory "${inside}" with non-directory "${header.name}"`,
    });
  }
  if (before !== undefined && !(isDirectory && before.isDirectory())) rmSync(path, { recursive: true, force: true });
  const { uid, gid, mode, mtime } = header;
  switch (header.type) {
    case 'directory': {
      if (before === undefined || !before.isDirectory()) mkdirSync(path, { mode: 0o755 });
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        fchownSync(fd, uid, gid);
        fchmodSync(fd, mode); // after the owner: chown clears setuid
      } finally {
        closeSync(fd);
      }
      break;
    }
    case 'symlink':
      symlinkSync(header.linkname ?? '', path);
      lchownSync(path, uid, gid);
      break;
    case 'link': {
      using target = walk(root, posix.join(directory, posix.join('/', header.linkname ?? '')), { follow: false });
      using targetParent = walk(root, posix.dirname(target.inside), { follow: true });
      linkSync(`${targetParent.path}/${posix.basename(target.inside)}`, path);
      break;
    }
    case 'file':
    case 'contiguous-file':
    case undefined:
    case null: {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const fd = openSync(path, flags, 0o600);
      try {
        await pipeline(content, createWriteStream('', { fd, autoClose: false }));
        fchownSync(fd, uid, gid);
        fchmodSync(fd, mode);
      } finally {
        closeSync(fd);
      }
      break;
    }
    default:
      content.resume();
      return; // devices and FIFOs are not brought in
  }
  lutimesSync(path, mtime, mtime);
  content.resume();
}

/** The stream with its first bytes put back, and whether they say gzip. */
async function sniff(source: Readable): Promise<[AsyncIterable<Buffer>, boolean]> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await iterator.next();
  const head = first.done ? Buffer.alloc(0) : Buffer.from(first.value);
  async function* all(): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return [all(), head[0] === 0x1f && head[1] === 0x8b];
}
