import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';
import { type Header, pack, type Pack } from 'tar-stream';
import type { FileStat } from '../wire/messages.ts';
import { GO_MODE, type SyncedFile } from './file-sync.ts';

/** A part of a tar: files from a client, below a directory. */
export interface TarPart {
  /** `''`, or a path with a slash at its end. */
  readonly below: string;
  readonly files: AsyncIterable<SyncedFile>;
}

/** Files that clients send, as one tar, made while they come. A failure of the transfer is the stream's error. */
export function tarOf(parts: Iterable<TarPart>): Readable {
  const tar = pack();
  const closed = new AbortController();
  tar.once('close', () => closed.abort());
  const feed = async (): Promise<void> => {
    try {
      for (const { below, files } of parts) {
        for await (const file of files) await add(tar, below, file, closed.signal);
      }
      tar.finalize();
    } catch (e) {
      tar.destroy(e instanceof Error ? e : new Error(String(e)));
    }
  };
  void feed();
  return Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false });
}

async function add(tar: Pack, below: string, { stat, content }: SyncedFile, closed: AbortSignal): Promise<void> {
  const header = headerOf(below, stat);
  if (header === undefined) return;
  if (content === undefined || stat.size === 0) {
    tar.entry(header, '');
    return;
  }
  const entry = tar.entry(header) as unknown as Writable;
  // A file that grew or shrank on the way must not shift those behind it.
  let left = stat.size;
  for await (const chunk of content) {
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    if (piece.length > 0) await write(entry, piece, closed);
  }
  for (; left > 0; left -= Math.min(left, 65536)) await write(entry, Buffer.alloc(Math.min(left, 65536)), closed);
  entry.end();
}

async function write(entry: Writable, chunk: Buffer, closed: AbortSignal): Promise<void> {
  if (!entry.write(chunk)) await once(entry, 'drain', { signal: closed });
}

function headerOf(below: string, stat: FileStat): (Partial<Header> & { name: string }) | undefined {
  const { mode } = stat;
  const name = `${below}${stat.path}`;
  const header = {
    name,
    // With a type, as tar-stream takes a mode of 0 for none; it writes the lower bits.
    mode: 0o100000 | permissionsOf(mode),
    uid: 0,
    gid: 0,
    mtime: new Date(Number(stat.modTime / 1_000_000n)),
  };
  if (mode & GO_MODE.directory) return { ...header, name: `${name}/`, type: 'directory' };
  if (mode & GO_MODE.symlink) return { ...header, type: 'symlink', linkname: stat.linkname };
  if (mode & GO_MODE.pipe) return { ...header, type: 'fifo' };
  if (mode & GO_MODE.device) {
    const type = mode & GO_MODE.charDevice ? 'character-device' : 'block-device';
    return { ...header, type, devmajor: stat.devmajor, devminor: stat.devminor };
  }
  if (mode & GO_MODE.socket) return undefined;
  if (stat.linkname !== '') return { ...header, type: 'link', linkname: `${below}${stat.linkname}` };
  return { ...header, type: 'file', size: stat.size };
}

/** Go's mode in the bits of chmod(2). */
export function permissionsOf(mode: number): number {
  return (
    (mode & 0o777) |
    (mode & GO_MODE.setuid ? 0o4000 : 0) |
    (mode & GO_MODE.setgid ? 0o2000 : 0) |
    (mode & GO_MODE.sticky ? 0o1000 : 0)
  );
}
