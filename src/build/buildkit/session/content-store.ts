import type { LocalCaches } from '../../contract.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import {
  ContentInfoRequest,
  ContentInfoResponse,
  ReadContentRequest,
  ReadContentResponse,
  WRITE,
  WriteContentRequest,
  WriteContentResponse,
} from '../wire/messages.ts';
import { parseDigest } from '../../../core/digest.ts';
import type { Descriptor } from '../../../core/oci.ts';
import type { CachePlace, CacheTarget } from '../../remote-cache/place.ts';
import type { Session } from './sessions.ts';

const CONTENT = '/containerd.services.content.v1.Content';
/** Which of the client's stores a call is for. @see moby/buildkit session/content/attachable.go */
const STORE = 'buildkit-attachable-store-id';
const CHUNK = 1024 * 1024;
/** Manifests are small; their size is not known. */
const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Directories of caches that the client of a session has: `type=local`. */
export function localCaches(session: Session, signal: AbortSignal): LocalCaches {
  return {
    place: (directory, digest) => placeOf(session, `local:${directory}`, digest, signal),
    target: (directory) => targetOf(session, `local:${directory}`, signal),
  };
}

function placeOf(session: Session, store: string, root: string, signal: AbortSignal): CachePlace {
  const document = async (digest: string) => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of read(session, store, digest, signal)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MOST_MANIFEST_BYTES) throw new Error(`${digest} is too large for a manifest`);
    }
    return { bytes: Buffer.concat(chunks), mediaType: '' };
  };
  return {
    root: () => document(parseDigest(root)),
    manifest: document,
    blob: ({ digest }) => read(session, store, digest, signal),
    async [Symbol.asyncDispose]() {},
  };
}

async function* read(
  session: Session,
  store: string,
  digest: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  using call = session.client.call(`${CONTENT}/Read`, { [STORE]: store }, signal);
  await call.send(ReadContentRequest.encode({ digest }));
  call.end();
  for await (const message of call.messages) yield ReadContentResponse.decode(message).data;
}

function targetOf(session: Session, store: string, signal: AbortSignal): CacheTarget {
  const put: CacheTarget['put'] = (descriptor, open) => write(session, store, descriptor, open(), signal);
  return {
    has: ({ digest }) => has(session, store, digest, signal),
    put,
    // What its name means is for the client to write, when the build has ended.
    async finish(manifest, bytes) {
      if (await has(session, store, manifest.digest, signal)) return;
      await write(session, store, manifest, [bytes], signal);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function has(session: Session, store: string, digest: string, signal: AbortSignal): Promise<boolean> {
  using call = session.client.call(`${CONTENT}/Info`, { [STORE]: store }, signal);
  try {
    await call.send(ContentInfoRequest.encode({ digest }));
    call.end();
    let found = false;
    for await (const message of call.messages) found = ContentInfoResponse.decode(message).info?.digest === digest;
    return found;
  } catch (e) {
    if (e instanceof RpcError && e.code === CODE.notFound) return false;
    throw e;
  }
}

async function write(
  session: Session,
  store: string,
  { digest, size }: Descriptor,
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  using call = session.client.call(`${CONTENT}/Write`, { [STORE]: store }, signal);
  const about = { ref: `wharf-${digest}`, total: size, expected: digest };
  const answers = call.messages[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await answers.next();
    if (done === true) throw new RpcError(CODE.unavailable, 'the client ended a transfer of its cache');
    return WriteContentResponse.decode(value);
  };
  let offset = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += CHUNK) {
      const data = chunk.subarray(at, at + CHUNK);
      await call.send(WriteContentRequest.encode({ ...about, action: WRITE.write, offset, data }));
      offset += data.length;
      await answer();
    }
  }
  await call.send(WriteContentRequest.encode({ ...about, action: WRITE.commit, offset }));
  try {
    await answer();
  } catch (e) {
    if (!(e instanceof RpcError && e.code === CODE.alreadyExists)) throw e;
  }
  call.end();
}
