import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { api } from '../e2e/support/http.ts';

export interface SeenEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

/** How many events the daemon promises to remember. */
const REMEMBERED = 1024;

/**
 * Listens to the daemon's events, over all its deaths: at each new connection it asks for all that are remembered, and
 * compares them with those it has seen live.
 */
export class Watcher {
  readonly #socket: string;
  /** In the order in which they were told, each once. */
  readonly seen: SeenEvent[] = [];
  readonly broken: string[] = [];
  #request: ClientRequest | undefined;
  #isConnected = false;
  /** What the present connection has told so far, as long as that may be a replay. */
  #replay: SeenEvent[] | undefined;
  #marks = 0;
  #onEvent: ((event: SeenEvent) => void) | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Everything that was published before this call is in `seen` afterwards. */
  async catchUp(): Promise<void> {
    if (!this.#isConnected) await this.#connect();
    const name = `mark-${++this.#marks}`;
    const marked = Promise.withResolvers<void>();
    this.#onEvent = (event) => {
      if (event.Type === 'volume' && event.Action === 'destroy' && event.Actor.ID === name) marked.resolve();
    };
    await api(this.#socket, 'POST', '/volumes/create', { Name: name });
    await api(this.#socket, 'DELETE', `/volumes/${name}`);
    const late = setTimeout(() => marked.reject(new Error('an event that just happened is not told')), 10_000);
    await marked.promise.finally(() => clearTimeout(late));
    this.#onEvent = undefined;
    this.#settle();
  }

  close(): void {
    this.#request?.destroy();
  }

  async #connect(): Promise<void> {
    const req = request({ socketPath: this.#socket, path: '/events?since=1', agent: false });
    this.#request = req;
    const answer = once(req, 'response') as Promise<[IncomingMessage]>;
    req.end();
    const [response] = await answer;
    this.#isConnected = true;
    this.#replay = [];
    const gone = (): void => {
      this.#isConnected = false;
      this.#settle();
    };
    req.on('error', gone);
    response.on('error', gone).on('close', gone);
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as SeenEvent);
    });
  }

  #take(event: SeenEvent): void {
    if (this.#replay === undefined) this.seen.push(event);
    else this.#replay.push(event);
    this.#onEvent?.(event);
  }

  /** What a connection told so far continues what was seen before, without a gap and without anything twice. */
  #settle(): void {
    const replay = this.#replay;
    this.#replay = undefined;
    if (replay === undefined || replay.length === 0) return;
    const [first] = replay;
    const keys = this.seen.map(keyOf);
    const from = first === undefined ? -1 : keys.indexOf(keyOf(first));
    const known = from < 0 ? this.seen.length : from;
    if (known > 0 && replay.length < REMEMBERED) {
      const next = this.seen[0];
      if (next !== undefined && from !== 0) this.broken.push(`forgot events from "${keyOf(next)}" on`);
    }
    const tail = keys.slice(known);
    const gap = tail.findIndex((key, i) => replay[i] === undefined || keyOf(replay[i]) !== key);
    if (gap >= 0) {
      const found = replay[gap];
      this.broken.push(`after a restart "${tail[gap]}" is ${found === undefined ? 'gone' : `"${keyOf(found)}"`}`);
    }
    this.seen.push(...replay.slice(tail.length));
  }
}

function keyOf({ Type, Action, Actor, timeNano }: SeenEvent): string {
  return `${Type} ${Action} ${Actor.Attributes['name'] ?? ''} ${Actor.ID.slice(0, 12)} ${timeNano}`;
}
