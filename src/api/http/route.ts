import type { Exchange } from './exchange.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** What to send: a document as JSON, or nothing but a status. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One endpoint. `undefined` as answer: the handler has written (or taken over) the response itself. */
export interface Route {
  readonly method: Method;
  /** `:name` stands for one segment; `:name+` for any number of them, for names that hold slashes. */
  readonly path: string;
  /** The connection may be taken over: an `Upgrade` header is honoured here and ignored elsewhere. */
  readonly hijacks?: boolean;
  handle(exchange: Exchange): Promise<Answer | undefined> | Answer | undefined;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const created = (body: unknown): Answer => ({ status: 201, body });
export const status = (code: number): Answer => ({ status: code });
