import { sha256 } from '../../core/digest.ts';
import type { Descriptor } from '../../core/oci.ts';
import type { BuildRecord } from '../../core/wire/build.ts';
import type { Builder } from '../contract.ts';
import { type Methods, streaming, unary } from './grpc/server.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { replay } from './replay.ts';
import * as wire from './wire/messages.ts';

const CONTENT = '/containerd.services.content.v1.Content';
const MEDIA_TYPE = 'application/vnd.buildkit.status.v0';
const CHUNK = 1024 * 1024;

/** What builds of the past said, as content that clients fetch by its digest: `docker buildx history export` packs it. */
export class HistoryLogs {
  readonly #builder: Pick<Builder, 'history' | 'historyLog'>;
  /** By build: what is over does not change. */
  readonly #known = new Map<string, Descriptor>();
  readonly #builds = new Map<string, string>();

  constructor(builder: Pick<Builder, 'history' | 'historyLog'>) {
    this.#builder = builder;
  }

  /** @returns `undefined`: it said nothing */
  async descriptorOf(record: BuildRecord): Promise<Descriptor | undefined> {
    const known = this.#known.get(record.id);
    if (known !== undefined) return known;
    const bytes = await this.#bytesOf(record);
    if (bytes.length === 0) return undefined;
    const descriptor = { mediaType: MEDIA_TYPE, digest: sha256(bytes), size: bytes.length };
    this.#builds.set(descriptor.digest, record.id);
    this.#known.set(record.id, descriptor);
    return descriptor;
  }

  methods(): Methods {
    return {
      [`${CONTENT}/Info`]: unary(wire.ContentInfoRequest, wire.ContentInfoResponse, async ({ digest }) => ({
        info: { digest, size: (await this.#find(digest)).length },
      })),
      [`${CONTENT}/Read`]: streaming(wire.ReadContentRange, wire.ReadContentResponse, (q) => this.#read(q)),
    };
  }

  async *#read({ digest, offset, size }: { digest: string; offset: number; size: number }) {
    const bytes = await this.#find(digest);
    const end = size > 0 ? Math.min(bytes.length, offset + size) : bytes.length;
    for (let at = offset; at < end; at += CHUNK) {
      yield { offset: at, data: bytes.subarray(at, Math.min(end, at + CHUNK)) };
    }
  }

  async #find(digest: string): Promise<Buffer> {
    const id = this.#builds.get(digest);
    const record = this.#builder.history().find((past) => past.id === id);
    if (record === undefined) throw new RpcError(CODE.notFound, `content ${digest}: not found`);
    return this.#bytesOf(record);
  }

  /** Status messages, each behind its length in four bytes, the lowest first. The same each time. */
  async #bytesOf(record: BuildRecord): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const status of replay(record, this.#builder.historyLog(record.id)).read(new AbortController().signal)) {
      const message = wire.StatusResponse.encode(status);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(message.length);
      parts.push(length, message);
    }
    return Buffer.concat(parts);
  }
}
