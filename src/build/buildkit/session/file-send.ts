import { createReadStream, type Dirent, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CODE, RpcError } from '../grpc/status.ts';
import { BytesMessage, type FileStat, Packet, PACKET } from '../wire/messages.ts';
import { GO_MODE } from './file-sync.ts';
import type { Session } from './sessions.ts';

const DIFF_COPY = '/moby.filesync.v1.FileSend/DiffCopy';
const EXPORTER = 'buildkit-attachable-exporter-id';
const CHUNK = 32 * 1024;

/** Writes a tree into the client's directory for its output of this number. @throws {RpcError} */
export async function sendTree(
  session: Session,
  exporter: number,
  root: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  checkSupport(session);
  using call = session.client.call(DIFF_COPY, { [EXPORTER]: String(exporter) }, signal);
  const paths: string[] = [];
  for (const stat of walk(root)) {
    paths.push(stat.path);
    await call.send(Packet.encode({ type: PACKET.stat, stat }));
  }
  await call.send(Packet.encode({ type: PACKET.stat }));
  let bytes = 0;
  for await (const message of call.messages) {
    const { type, id, data } = Packet.decode(message);
    if (type === PACKET.err) throw new RpcError(CODE.unknown, data.toString('utf8'));
    if (type === PACKET.fin) {
      await call.send(Packet.encode({ type: PACKET.fin }));
      call.end();
    }
    const path = type === PACKET.req ? paths[id] : undefined;
    if (path === undefined) continue;
    for await (const chunk of createReadStream(join(root, path), { highWaterMark: CHUNK })) {
      await call.send(Packet.encode({ type: PACKET.data, id, data: chunk as Buffer }));
      onBytes((bytes += (chunk as Buffer).length));
    }
    await call.send(Packet.encode({ type: PACKET.data, id }));
  }
}

/** Writes bytes into the client's file for its output of this number. @throws {RpcError} */
export async function sendBytes(
  session: Session,
  exporter: number,
  content: Readable,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  checkSupport(session);
  using call = session.client.call(DIFF_COPY, { [EXPORTER]: String(exporter) }, signal);
  let bytes = 0;
  for await (const chunk of content) {
    const data = chunk as Buffer;
    for (let at = 0; at < data.length; at += CHUNK) {
      await call.send(BytesMessage.encode({ data: data.subarray(at, at + CHUNK) }));
    }
    onBytes((bytes += data.length));
  }
  call.end();
  for await (const _ of call.messages); // its status
}

function checkSupport(session: Session): void {
  if (!session.supports(DIFF_COPY)) throw new RpcError(CODE.unimplemented, 'the client takes no files');
}

/** A directory before what is in it, names in byte order: the order that fsutil expects. */
function* walk(root: string): Generator<FileStat, void, undefined> {
  const links = new Map<string, string>();
  yield* below('');
  function* below(directory: string): Generator<FileStat, void, undefined> {
    const entries: Dirent[] = readdirSync(join(root, directory), { withFileTypes: true });
    for (const { name } of entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const stat = lstatSync(join(root, path), { bigint: true });
      if (stat.isSocket()) continue;
      const inode = `${stat.dev}:${stat.ino}`;
      const first = stat.isFile() && stat.nlink > 1n ? links.get(inode) : undefined;
      if (stat.isFile() && stat.nlink > 1n && first === undefined) links.set(inode, path);
      const device = stat.isBlockDevice() || stat.isCharacterDevice();
      yield {
        path,
        mode: goMode(Number(stat.mode), stat),
        uid: Number(stat.uid),
        gid: Number(stat.gid),
        size: stat.isDirectory() ? 0 : Number(stat.size),
        modTime: stat.mtimeNs,
        linkname: stat.isSymbolicLink() ? readlinkSync(join(root, path)) : (first ?? ''),
        devmajor: device ? Number((stat.rdev >> 8n) & 0xfffn) : 0,
        devminor: device ? Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)) : 0,
        xattrs: {},
      };
      if (stat.isDirectory()) yield* below(path);
    }
  }
}

function goMode(mode: number, stat: ReturnType<typeof lstatSync> & object): number {
  const type = stat.isDirectory()
    ? GO_MODE.directory
    : stat.isSymbolicLink()
      ? GO_MODE.symlink
      : stat.isFIFO()
        ? GO_MODE.pipe
        : stat.isBlockDevice()
          ? GO_MODE.device
          : stat.isCharacterDevice()
            ? GO_MODE.device + GO_MODE.charDevice
            : 0;
  const special =
    (mode & 0o4000 ? GO_MODE.setuid : 0) + (mode & 0o2000 ? GO_MODE.setgid : 0) + (mode & 0o1000 ? GO_MODE.sticky : 0);
  return (mode & 0o777) + special + type;
}
