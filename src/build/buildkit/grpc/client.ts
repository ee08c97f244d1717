import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Fields, MessageType, Of } from '../wire/protobuf.ts';
import { frame, SESSION_MEGABYTES, unframe } from './frames.ts';
import { CODE, errorOfTrailers, RpcError } from './status.ts';

type Type = MessageType<Fields>;
type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** One call of a method whose messages go both ways. Disposing cancels it, unless it has ended. */
export interface ClientCall extends Disposable {
  send(message: Buffer): Promise<void>;
  /** Nothing more is sent. */
  end(): void;
  /** Ends when the call has ended well. @throws {RpcError} its status, if that is not OK */
  readonly messages: AsyncGenerator<Buffer, void, undefined>;
}

/** The client's side of gRPC on a connection that the other side opened. */
export class GrpcClient {
  readonly #session: ClientHttp2Session;

  constructor(socket: Duplex) {
    this.#session = connect('http://session', {
      createConnection: () => socket,
      settings: { initialWindowSize: 4 * 1024 * 1024, enablePush: false },
      maxSessionMemory: SESSION_MEGABYTES,
    });
    this.#session.on('error', () => undefined);
    socket.once('end', () => this.#session.destroy());
    this.#session.once('connect', (session: ClientHttp2Session) => session.setLocalWindowSize(16 * 1024 * 1024));
  }

  /** Resolves when the connection is gone. */
  async closed(): Promise<void> {
    if (!this.#session.closed && !this.#session.destroyed) await once(this.#session, 'close').catch(() => undefined);
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** @throws {RpcError} if the connection is gone */
  call(path: string, metadata: Metadata, signal: AbortSignal): ClientCall {
    signal.throwIfAborted();
    if (this.#session.destroyed || this.#session.closed) {
      throw new RpcError(CODE.unavailable, 'the client has closed its session');
    }
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...(metadata as OutgoingHttpHeaders),
    });
    const cancel = (): void => stream.close(8);
    signal.addEventListener('abort', cancel, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', cancel));
    stream.on('error', () => undefined);
    return {
      async send(message) {
        signal.throwIfAborted();
        if (stream.destroyed || stream.writableEnded) throw new RpcError(CODE.unavailable, 'the call has ended');
        if (stream.write(frame(message))) return;
        const end = new AbortController();
        stream.once('close', () => end.abort());
        await once(stream, 'drain', { signal: end.signal }).catch(() => signal.throwIfAborted());
      },
      end: () => void stream.end(),
      messages: received(stream, signal),
      [Symbol.dispose]: () => {
        if (!stream.closed) stream.close(8);
      },
    };
  }

  /** Calls a method of one question and one answer. @throws {RpcError} */
  async unary<Q extends Type, A extends Type>(
    path: string,
    [question, answer]: readonly [Q, A],
    request: Partial<Of<Q>>,
    signal: AbortSignal,
  ): Promise<Of<A>> {
    using call = this.call(path, {}, signal);
    await call.send(question.encode(request));
    call.end();
    let found: Buffer | undefined;
    for await (const message of call.messages) found ??= message;
    if (found === undefined) throw new RpcError(CODE.internal, `${path} gave no answer`);
    return answer.decode(found) as Of<A>;
  }
}

function received(stream: ClientHttp2Stream, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const trailers = Promise.withResolvers<RpcError | undefined>();
  stream.once('trailers', (headers) => trailers.resolve(errorOfTrailers(headers)));
  // An answer without messages has its status in its head.
  stream.once('response', (headers) => {
    if (headers['grpc-status'] !== undefined) trailers.resolve(errorOfTrailers(headers));
  });
  stream.once('close', () => trailers.resolve(new RpcError(CODE.unavailable, 'the client has closed its session')));
  return messagesOf(stream, trailers.promise, signal);
}

async function* messagesOf(
  stream: ClientHttp2Stream,
  ended: Promise<RpcError | undefined>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* unframe(stream);
  } catch (e) {
    signal.throwIfAborted();
    throw (stream.closed ? await ended : undefined) ?? e;
  }
  signal.throwIfAborted();
  const failure = await ended;
  if (failure !== undefined) throw failure;
}
