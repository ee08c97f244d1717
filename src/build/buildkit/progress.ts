import { sha256 } from '../../core/digest.ts';
import { newId } from '../../core/ids.ts';
import type { BuildWarning } from '../../core/wire/build.ts';
import type { StatusResponse, Timestamp, Vertex } from './wire/messages.ts';

/** BuildKit's own limit for what one step may say. */
const MOST_LOG_BYTES = 2 * 1024 * 1024;
const CLIPPED = '[output clipped, log limit 2MiB reached]\n';

export interface VertexEnd {
  readonly cached?: boolean;
  readonly error?: string | undefined;
}

/** One line of a client's progress display while it is under way. */
export interface ProgressVertex {
  readonly digest: string;
  /** Says how far something in it has got: bytes, or other counts. `done`: it has ended. */
  status(id: string, state: { readonly current?: number; readonly total?: number; readonly done?: boolean }): void;
  log(stream: 'stdout' | 'stderr', text: string): void;
  /** What comes after the first end is dropped. */
  end(end?: VertexEnd): void;
}

/** Everything that a build has said, for any number of readers at any time. */
export class ProgressLog {
  readonly #now: () => Timestamp;
  readonly #said: Partial<StatusResponse>[] = [];
  readonly #open = new Set<ProgressVertex>();
  readonly #newName: () => string;
  #ended = false;
  #wake = Promise.withResolvers<void>();

  /**
   * @param clock for a build of the past
   * @param newName names for what has none that no content decides
   */
  constructor(clock: () => Timestamp = now, newName: () => string = newId) {
    this.#now = clock;
    this.#newName = newName;
  }

  begin(name: string, inputs: readonly string[] = []): ProgressVertex {
    // No content decides it, so that builds that one client runs at the same time are told apart.
    const digest = sha256(this.#newName());
    const vertex: Partial<Vertex> = { digest, name, inputs: [...inputs], started: this.#now() };
    this.#say({ vertexes: [vertex as Vertex] });
    const statuses = new Map<string, Timestamp>();
    let logged = 0;
    let ended = false;
    const progress: ProgressVertex = {
      digest,
      status: (id, { current = 0, total = 0, done = false }) => {
        if (ended) return;
        const started = statuses.get(id) ?? this.#now();
        statuses.set(id, started);
        const completed = done ? this.#now() : undefined;
        const status = { id, vertex: digest, name: '', current, total, timestamp: this.#now(), started, completed };
        this.#say({ statuses: [status] });
      },
      log: (stream, text) => {
        if (ended || logged >= MOST_LOG_BYTES) return;
        const bytes = Buffer.from(text);
        const msg = logged + bytes.length > MOST_LOG_BYTES ? Buffer.from(CLIPPED) : bytes;
        logged += bytes.length;
        this.#say({ logs: [{ vertex: digest, timestamp: this.#now(), stream: stream === 'stdout' ? 1 : 2, msg }] });
      },
      end: ({ cached = false, error } = {}) => {
        if (ended) return;
        ended = true;
        this.#open.delete(progress);
        this.#say({ vertexes: [{ ...vertex, cached, completed: this.#now(), error: error ?? '' } as Vertex] });
      },
    };
    this.#open.add(progress);
    return progress;
  }

  /** Shows `work` as a vertex of its own. */
  async during<T>(name: string, work: (vertex: ProgressVertex) => Promise<T>): Promise<T> {
    const vertex = this.begin(name);
    try {
      const result = await work(vertex);
      vertex.end();
      return result;
    } catch (e) {
      vertex.end({ error: e instanceof Error ? e.message : String(e) });
      throw e;
    }
  }

  warn(vertex: string, warning: BuildWarning, source: { readonly filename: string; readonly data: Buffer }): void {
    const { rule, message, description, url, line, column, lastLine = line } = warning;
    const at = { line, character: Math.max(0, column - 1) };
    const one = {
      vertex,
      level: 1,
      short: Buffer.from(`${rule}: ${message}`),
      detail: [Buffer.from(description)],
      url,
      info: { ...source, language: 'Dockerfile' },
      ranges: [{ start: at, end: lastLine === line ? at : { line: lastLine, character: 0 } }],
    };
    this.#say({ warnings: [one] });
  }

  /** Nothing more comes. Vertices that are still open were canceled. */
  end(): void {
    for (const vertex of this.#open) vertex.end({ error: 'context canceled' });
    this.#ended = true;
    this.#wake.resolve();
  }

  /** From the beginning to the end. */
  async *read(signal: AbortSignal): AsyncGenerator<Partial<StatusResponse>, void, undefined> {
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stop(), { once: true });
    for (let at = 0; !signal.aborted; ) {
      const next = this.#said[at];
      if (next !== undefined) {
        at++;
        yield next;
      } else if (this.#ended) return;
      else await Promise.race([this.#wake.promise, stopped]);
    }
  }

  #say(message: Partial<StatusResponse>): void {
    if (this.#ended) return;
    this.#said.push(message);
    const woken = this.#wake;
    this.#wake = Promise.withResolvers();
    woken.resolve();
  }
}

function now(): Timestamp {
  const nanos = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  return { seconds: Number(nanos / 1_000_000_000n), nanos: Number(nanos % 1_000_000_000n) };
}
