import type { Duplex } from 'node:stream';
import { invalidParameter } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { SessionFacts } from '../../contract.ts';
import { GrpcClient } from '../grpc/client.ts';
import { CODE, RpcError } from '../grpc/status.ts';
import { Empty } from '../wire/messages.ts';

/** How long a build waits for the session that it names. */
const ARRIVAL_MS = 5_000;
const HEALTH_INTERVAL_MS = 5_000;
const HEALTH_TIMEOUT_MS = 15_000;
const HEALTH = '/grpc.health.v1.Health/Check';

/** A client that waits to be asked: for files, secrets, credentials. */
export interface Session {
  readonly id: string;
  /** What tells this client's directories from those of others; `''`: nothing does. */
  readonly sharedKey: string;
  /** Of use for what is supported. */
  readonly client: Pick<GrpcClient, 'call' | 'unary'>;
  /** Whether the client serves a method: `/package.Service/Method`. */
  supports(method: string): boolean;
}

/** For a build without one: answers nothing. */
const NO_SESSION: Session = {
  id: '',
  sharedKey: '',
  client: { call: absent, unary: absent },
  supports: () => false,
};

function absent(): never {
  throw new RpcError(CODE.unavailable, 'the build has no session');
}

/** The sessions that are open. */
export class Sessions {
  readonly #log: Logger;
  readonly #open = new Map<string, Session>();
  readonly #awaited = new Map<string, Set<(session: Session) => void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws {WharfError} `INVALID_PARAMETER` if there is one already */
  check(id: string): void {
    if (id === '') throw invalidParameter({ message: 'the session has no ID' });
    if (this.#open.has(id)) throw invalidParameter({ message: `session ${id} already exists` });
  }

  /** Takes up a client's connection as its session; resolves when it is over. */
  async serve({ id, sharedKey, methods }: SessionFacts, socket: Duplex, signal: AbortSignal): Promise<void> {
    const client = new GrpcClient(socket);
    const supported = new Set(methods.map((m) => m.toLowerCase()));
    const session: Session = { id, sharedKey, client, supports: (method) => supported.has(method.toLowerCase()) };
    this.#open.set(id, session);
    for (const resolve of this.#awaited.get(id) ?? []) resolve(session);
    const cut = (): void => client.destroy();
    signal.addEventListener('abort', cut, { once: true });
    const beat = supported.has(HEALTH.toLowerCase()) ? this.#watch(id, client) : undefined;
    if (signal.aborted) cut();
    await client.closed();
    clearInterval(beat);
    signal.removeEventListener('abort', cut);
    this.#open.delete(id);
  }

  /** @param id `''`: none is there to be asked. @throws {RpcError} if it does not come within a few seconds */
  async get(id: string, signal: AbortSignal): Promise<Session> {
    if (id === '') return NO_SESSION;
    const there = this.#open.get(id);
    if (there !== undefined) return there;
    const { promise, resolve, reject } = Promise.withResolvers<Session>();
    const waiting = this.#awaited.get(id) ?? new Set();
    this.#awaited.set(id, waiting.add(resolve));
    const late = (): void => reject(new RpcError(CODE.unavailable, `no active session for ${id}`));
    const timer = setTimeout(late, ARRIVAL_MS);
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#awaited.delete(id);
    }
  }

  /** Ends a session whose client does not answer any more. */
  #watch(id: string, client: GrpcClient): NodeJS.Timeout {
    let misses = 0;
    const timer = setInterval(() => {
      client.unary(HEALTH, [Empty, Empty], {}, AbortSignal.timeout(HEALTH_TIMEOUT_MS)).then(
        () => (misses = 0),
        (e: unknown) => {
          if (e instanceof RpcError && e.code === CODE.unimplemented) return;
          if (++misses < 2) return;
          this.#log.debug('a build session does not answer any more', { session: id });
          client.destroy();
        },
      );
    }, HEALTH_INTERVAL_MS);
    return timer.unref();
  }
}
