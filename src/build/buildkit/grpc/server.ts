import { once } from 'node:events';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../core/log.ts';
import type { Fields, MessageType, Of } from '../wire/protobuf.ts';
import { frame, SESSION_MEGABYTES, unframe } from './frames.ts';
import { CODE, RpcError, toRpcError, trailersOf } from './status.ts';

/** One call under way. */
export interface Call {
  readonly metadata: IncomingHttpHeaders;
  /** Aborted when the client cancels or goes. */
  readonly signal: AbortSignal;
}
interface RawCall extends Call {
  readonly messages: AsyncIterable<Buffer>;
  send(message: Buffer): Promise<void>;
}
/** A method: reads what the client says, says its own, and returns when the call is over. */
export type Method = (call: RawCall) => Promise<void>;
/** Methods by path: `/package.Service/Method`. */
export type Methods = Readonly<Record<string, Method>>;

type Type = MessageType<Fields>;

/** A method of one question and one answer. */
export function unary<Q extends Type, A extends Type>(
  question: Q,
  answer: A,
  handle: (request: Of<Q>, call: Call) => Partial<Of<A>> | Promise<Partial<Of<A>>>,
): Method {
  return async (call) => {
    const request = question.decode(await onlyMessage(call)) as Of<Q>;
    await call.send(answer.encode(await handle(request, call)));
  };
}

/** A method of one question and any number of answers. */
export function streaming<Q extends Type, A extends Type>(
  question: Q,
  answer: A,
  handle: (request: Of<Q>, call: Call) => AsyncIterable<Partial<Of<A>>>,
): Method {
  return async (call) => {
    const request = question.decode(await onlyMessage(call)) as Of<Q>;
    for await (const one of handle(request, call)) await call.send(answer.encode(one));
  };
}

async function onlyMessage(call: RawCall): Promise<Buffer> {
  let only: Buffer | undefined;
  // Read to the end: to leave earlier would destroy the stream that has the answer to carry.
  for await (const message of call.messages) only ??= message;
  if (only !== undefined) return only;
  throw new RpcError(CODE.invalidArgument, 'the request has no message');
}

/** Serves gRPC on a connection until either side closes it, or `signal` is aborted. */
export async function serveGrpc(socket: Duplex, methods: Methods, log: Logger, signal: AbortSignal): Promise<void> {
  const session = performServerHandshake(socket, {
    settings: { initialWindowSize: 1024 * 1024 },
    maxSessionMemory: SESSION_MEGABYTES,
  });
  session.on('error', (e) => log.debug('a gRPC connection broke', { error: e.message }));
  session.on('stream', (stream, headers) => void answer(stream, headers, methods, log));
  const cut = (): void => session.destroy();
  // A client that exits may say nothing more than that; a half-open connection is of no use here.
  socket.once('end', cut);
  signal.addEventListener('abort', cut, { once: true });
  if (signal.aborted) cut();
  await closed(session);
  signal.removeEventListener('abort', cut);
}

async function closed(session: ServerHttp2Session): Promise<void> {
  if (!session.closed && !session.destroyed) await once(session, 'close').catch(() => undefined);
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: Methods,
  log: Logger,
): Promise<void> {
  const gone = new AbortController();
  stream.on('error', () => undefined);
  stream.on('aborted', () => gone.abort(new RpcError(CODE.canceled, 'the client canceled the call')));
  stream.on('close', () => gone.abort(new RpcError(CODE.canceled, 'the client has gone')));
  const path = String(headers[constants.HTTP2_HEADER_PATH]);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  let failure: RpcError | undefined;
  stream.once('wantTrailers', () => stream.sendTrailers(trailersOf(failure)));
  try {
    const method = methods[path];
    if (method === undefined) throw new RpcError(CODE.unimplemented, `unknown method ${path}`);
    await method({
      metadata: headers,
      signal: gone.signal,
      messages: unframe(stream),
      send: (message) => write(stream, frame(message), gone.signal),
    });
  } catch (e) {
    failure = toRpcError(e);
    log.debug('a gRPC call failed', { path, code: failure.code, error: failure.message });
  }
  if (!stream.destroyed) stream.end();
}

async function write(stream: ServerHttp2Stream, chunk: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stream.write(chunk)) await once(stream, 'drain', { signal });
}
