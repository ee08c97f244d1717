import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Builder } from '../../build/index.ts';
import type { Logger } from '../../core/log.ts';
import type { Engine } from '../../engine/index.ts';
import { decode, type Shape } from '../decode/shape.ts';
import { readJson } from '../decode/json-body.ts';
import { Query } from '../decode/query.ts';
import type { Hijacker } from '../stream/hijack.ts';
import { compareVersions } from './version.ts';

export interface Parts {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly log: Logger;
}

/** One request on its way: what was asked, in decoded form, and the means to answer. */
export class Exchange {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly log: Logger;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** The API version that the client speaks. */
  readonly version: string;
  /** Aborted when the client is gone (or has closed its writing half) before it was answered, or the daemon cuts what runs. */
  readonly signal: AbortSignal;
  readonly hijack: Hijacker;

  constructor(
    parts: Parts,
    facts: {
      readonly request: IncomingMessage;
      readonly response: ServerResponse;
      readonly params: Readonly<Record<string, string>>;
      readonly query: URLSearchParams;
      readonly version: string;
      readonly signal: AbortSignal;
      readonly hijack: Hijacker;
    },
  ) {
    this.engine = parts.engine;
    this.builder = parts.builder;
    this.log = parts.log;
    this.request = facts.request;
    this.response = facts.response;
    this.params = facts.params;
    this.query = new Query(facts.query);
    this.version = facts.version;
    this.signal = facts.signal;
    this.hijack = facts.hijack;
  }

  /** A path parameter. A name that is not in the route's path is a mistake of ours. */
  param(name: string): string {
    const value = this.params[name];
    if (value === undefined) throw new Error(`the route has no parameter ${name}`);
    return value;
  }

  /** Whether the client speaks at least this version. */
  speaks(version: string): boolean {
    return compareVersions(this.version, version) >= 0;
  }

  /**
   * The body as JSON, checked against a shape; `undefined` if there is none or it is `null`.
   * @throws {WharfError} `INVALID_JSON`, `UNSUPPORTED_CONTENT_TYPE`
   */
  async json<T>(shape: Shape): Promise<T | undefined> {
    const body = await (this.hijack.body?.() ?? readJson(this.request));
    return body === undefined || body === null ? undefined : decode<T>(shape, body);
  }
}
