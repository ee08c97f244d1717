import { closeSync, constants, createReadStream, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, pack, type Pack } from 'tar-stream';
import { errnoOf } from '../../core/errors.ts';
import type { Place, Root } from './rooted.ts';
import { walk } from './rooted.ts';

/** A tar of a place and all below it, under a name; hard links within it stay links. `done` is called at the end or on failure. */
export function packTree(root: Root, top: Place, name: string, done: () => Promise<void>): Readable {
  const tar = pack();
  const links = new Map<string, string>();
  const work = async () => {
    try {
      await packPlace(tar, root, top, name, links);
      tar.finalize();
    } finally {
      await done();
    }
  };
  // Readers get one of Node's own streams. One that goes away early ends the packing; that is no fault.
  const out = new PassThrough();
  out.on('error', () => undefined);
  tar.on('error', () => undefined);
  pipeline(tar as unknown as Readable, out).catch(() => undefined);
  work().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return out;
}

type NamedHeader = Partial<Header> & Pick<Header, 'name'>;

async function packPlace(tar: Pack, root: Root, at: Place, name: string, links: Map<string, string>): Promise<void> {
  const { stats } = at;
  const header: NamedHeader = {
    name,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    mtime: stats.mtime,
  };
  if (stats.isDirectory()) {
    if (name !== '') await entry(tar, { ...header, name: `${name.replace(/\/$/, '')}/`, type: 'directory' });
    for (const child of readdirSync(`${at.path}/.`).sort()) {
      let next: Place;
      try {
        next = walk(root, posix.join(at.inside, child), { follow: false });
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') continue; // gone meanwhile
        throw error;
      }
      using _close = next;
      await packPlace(tar, root, next, name === '' ? child : `${name.replace(/\/$/, '')}/${child}`, links);
    }
    return;
  }
  if (stats.isSymbolicLink()) {
    using parent = walk(root, posix.dirname(at.inside), { follow: true });
    const linkname = readlinkSync(`${parent.path}/${posix.basename(at.inside)}`);
    await entry(tar, { ...header, type: 'symlink', linkname });
    return;
  }
  if (stats.isFile()) {
    const inode = `${stats.dev}:${stats.ino}`;
    const before = stats.nlink > 1 ? links.get(inode) : undefined;
    if (before !== undefined) {
      await entry(tar, { ...header, type: 'link', linkname: before });
      return;
    }
    links.set(inode, name);
    await packFile(tar, at, header);
    return;
  }
  if (stats.isFIFO()) await entry(tar, { ...header, type: 'fifo' });
  // Sockets cannot be archived; devices belong to the container's /dev.
}

async function packFile(tar: Pack, at: Place, header: NamedHeader): Promise<void> {
  const fd = openSync(at.path, constants.O_RDONLY);
  // A file that grows meanwhile is cut where it ended when it was opened.
  const { size } = fstatSync(fd);
  if (size === 0) {
    closeSync(fd);
    await entry(tar, { ...header, size, type: 'file' });
    return;
  }
  const sink = tar.entry({ ...header, size, type: 'file' });
  sink.on('error', () => undefined); // pipeline tells it
  await pipeline(createReadStream('', { fd, start: 0, end: size - 1 }), sink as unknown as NodeJS.WritableStream);
}

function entry(tar: Pack, header: NamedHeader): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = tar.entry(header, '', (error) => (error ? reject(error) : resolve()));
    sink.on('error', reject);
  });
}
