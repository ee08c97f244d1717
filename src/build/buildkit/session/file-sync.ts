import type { ClientCall } from '../grpc/client.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import { type FileStat, Packet, PACKET } from '../wire/messages.ts';
import type { Session } from './sessions.ts';

const DIFF_COPY = '/moby.filesync.v1.FileSync/DiffCopy';
/** Files are asked for ahead of the one that is read, so that the client never waits; no more bytes than this. */
const AHEAD_BYTES = 4 * 1024 * 1024;
const AHEAD_FILES = 64;

/** Go's os.FileMode bits, which fsutil sends. */
export const GO_MODE = {
  directory: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  pipe: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  charDevice: 0x0020_0000,
  sticky: 0x0010_0000,
  type: 0x8f20_0000,
} as const;

export interface SyncRequest {
  /** Name of the client's directory: `context`, `dockerfile`. */
  readonly directory: string;
  /** Patterns as in `.dockerignore`. */
  readonly exclude?: readonly string[];
  /** Only these paths, and what links in them lead to. */
  readonly follow?: readonly string[];
}

/** A file as it comes from a client, in the order of the tree. Its content must be read before the next one is asked for. */
export interface SyncedFile {
  readonly stat: FileStat;
  /** Of a regular file that is no link to an earlier one. */
  readonly content?: AsyncIterable<Buffer>;
}

/**
 * The files of a client's directory.
 * @param onBytes told how much has come so far
 * @throws {RpcError}
 */
export async function* syncFiles(
  session: Session,
  request: SyncRequest,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<SyncedFile, void, undefined> {
  using transfer = openTransfer(session, request, signal, onBytes);
  const stats = await transfer.stats();
  const contents = transfer.contents(stats.flatMap((stat, id) => (hasContent(stat) ? [{ id, size: stat.size }] : [])));
  for (const stat of stats) {
    if (!hasContent(stat)) {
      yield { stat };
      continue;
    }
    const { value: content } = await contents.next();
    if (content === undefined) throw new Error('fewer contents than files');
    yield { stat, content };
    for await (const _ of content); // what was not read
  }
  await transfer.finish();
}

/** Begins the transfer of a directory. @throws {RpcError} if the client has none */
export function openTransfer(
  session: Session,
  request: SyncRequest,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Transfer {
  if (!session.supports(DIFF_COPY)) throw new RpcError(CODE.unimplemented, 'the client has no local directories');
  return new Transfer(session.client.call(DIFF_COPY, metadataOf(request), signal), onBytes);
}

/** Whether a file has bytes of its own: a regular one that is no link to an earlier one. */
export function hasContent({ mode, linkname }: FileStat): boolean {
  return (mode & GO_MODE.type) === 0 && linkname === '';
}

function metadataOf({ directory, exclude = [], follow = [] }: SyncRequest): Record<string, string | readonly string[]> {
  const lists = { 'exclude-patterns': exclude, followpaths: follow };
  const metadata: Record<string, string | readonly string[]> = { 'dir-name': directory };
  for (const [key, list] of Object.entries(lists)) {
    if (list.length === 0) continue;
    const plain = list.every((item) => /^[\x20-\x7e]*$/.test(item));
    metadata[key] = plain ? list : list.map((item) => encodeURIComponent(item).replaceAll('%20', '+'));
    if (!plain) metadata[`${key}-encoded`] = '1';
  }
  return metadata;
}

/** The receiving end of one transfer: first `stats`, then any `contents`, then `finish`. Disposing it breaks it off. */
class Transfer implements Disposable {
  readonly #call: ClientCall;
  readonly #onBytes: (bytes: number) => void;
  readonly #coming = new Map<number, { readonly chunks: Buffer[]; ended: boolean; readonly size: number }>();
  #asked = 0;
  #bytes = 0;

  constructor(call: ClientCall, onBytes: (bytes: number) => void) {
    this.#call = call;
    this.#onBytes = onBytes;
  }

  async stats(): Promise<FileStat[]> {
    const stats: FileStat[] = [];
    for (;;) {
      const packet = await this.#next();
      if (packet.type !== PACKET.stat) throw new RpcError(CODE.internal, 'the client sent data that nobody asked for');
      if (packet.stat === undefined) return stats;
      stats.push(packet.stat);
    }
  }

  /** The contents of files, in the order given, each to be read before the next one; they are asked for ahead. */
  async *contents(
    files: readonly { readonly id: number; readonly size: number }[],
  ): AsyncGenerator<AsyncIterable<Buffer>, void, undefined> {
    let next = 0;
    for (const [i, { id }] of files.entries()) {
      for (; next < files.length; next++) {
        const file = files[next];
        if (file === undefined || (next > i && !this.#hasRoom(file.size))) break;
        await this.#ask(file.id, file.size);
      }
      yield this.#read(id);
    }
  }

  #hasRoom(size: number): boolean {
    return this.#asked + size <= AHEAD_BYTES && this.#coming.size < AHEAD_FILES;
  }

  async #ask(id: number, size: number): Promise<void> {
    this.#coming.set(id, { chunks: [], ended: false, size });
    this.#asked += size;
    await this.#call.send(Packet.encode({ type: PACKET.req, id }));
  }

  async *#read(id: number): AsyncGenerator<Buffer, void, undefined> {
    const file = this.#coming.get(id);
    if (file === undefined) return;
    for (;;) {
      const chunk = file.chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (file.ended) break;
      else await this.#receive();
    }
    this.#coming.delete(id);
    this.#asked -= file.size;
  }

  async finish(): Promise<void> {
    await this.#call.send(Packet.encode({ type: PACKET.fin }));
    while ((await this.#next()).type !== PACKET.fin);
    this.#call.end();
    for await (const _ of this.#call.messages); // its status
  }

  [Symbol.dispose](): void {
    this.#call[Symbol.dispose]();
  }

  async #receive(): Promise<void> {
    const { type, id, data } = await this.#next();
    const file = this.#coming.get(id);
    if (type !== PACKET.data || file === undefined) {
      throw new RpcError(CODE.internal, 'the client sent data that nobody asked for');
    }
    if (data.length === 0) file.ended = true;
    else file.chunks.push(data);
  }

  async #next() {
    const { value, done } = await this.#call.messages.next();
    if (done === true) throw new RpcError(CODE.internal, 'the client ended the transfer too early');
    this.#bytes += value.length;
    this.#onBytes(this.#bytes);
    const packet = Packet.decode(value);
    if (packet.type === PACKET.err) throw new RpcError(CODE.unknown, packet.data.toString('utf8'));
    return packet;
  }
}
