import type http from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { Duplex, type Readable } from 'node:stream';
import { API_VERSION } from '../core/version.ts';
import { errnoOf, messageOf } from '../core/errors.ts';
import { parseAddress, type Address } from './address.ts';
import type { ClientOptions } from './contract.ts';
import { ApiError, brokenAnswer, cannotConnect, connectionDenied } from './errors.ts';

import { accessHint } from './socket-access.ts';

type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

interface CallOptions {
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, as a tar. */
  readonly body?: Readable | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * HTTP to one engine. Connections are kept alive; the API version is ours, or the engine's if that is older: found out
 * by the first request that is refused for it, so that the usual case costs no extra round trip.
 */
export class Transport {
  readonly host: string;
  readonly #address: Address;
  readonly #tls: ClientOptions['tls'];
  readonly #headers: Readonly<Record<string, string>>;
  #dialler: Promise<Dialler> | undefined;
  #version: string;
  #settled: boolean;

  constructor(options: ClientOptions) {
    this.host = options.host;
    this.#tls = options.tls ?? (options.host.startsWith('https://') ? { verify: true } : undefined);
    this.#headers = options.headers ?? {};
    this.#address = parseAddress(options.host, this.#tls !== undefined);
    this.#version = options.apiVersion ?? API_VERSION;
    this.#settled = options.apiVersion !== undefined;
  }

  /** The answer, once its headers are there. @throws {ApiError} for a status of 400 and above */
  async call(method: string, path: string, options: CallOptions = {}): Promise<http.IncomingMessage> {
    // A body cannot be sent twice, and the refusal of a HEAD does not say why.
    if ((options.body !== undefined || method === 'HEAD') && !this.#settled) await this.#negotiate();
    const answer = await this.#send(method, path, options);
    if (answer.statusCode !== 400) return this.#checked(answer);
    const text = await textOf(answer);
    const maximum = /Maximum supported API version is (\d+\.\d+)/.exec(text)?.[1];
    if (this.#settled || maximum === undefined || options.body !== undefined) throw errorFrom(answer, text);
    this.#settle(maximum);
    return this.#checked(await this.#send(method, path, options));
  }

  /** The JSON of an answer; `undefined` for an empty one. */
  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.call(method, path, options);
    const text = await this.#bodyOf(answer);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** For requests whose answer has nothing to say. */
  async done(method: string, path: string, options: CallOptions = {}): Promise<void> {
    const answer = await this.call(method, path, options);
    await this.#bodyOf(answer);
  }

  /** Takes over the connection: what is written goes to the engine as it is; `end` closes that direction only. */
  async hijack(path: string, options: CallOptions = {}): Promise<Duplex> {
    if (!this.#settled) await this.#negotiate();
    const headers = { ...options.headers, Connection: 'Upgrade', Upgrade: 'tcp' };
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const request = await this.#request('POST', path, { ...options, headers }, false);
    request.once('error', (e) => reject(this.#connectError(e)));
    request.once('upgrade', (_answer, socket: Duplex, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', (answer) => {
      if ((answer.statusCode ?? 500) >= 400) {
        textOf(answer).then((text) => reject(errorFrom(answer, text)), reject);
        return;
      }
      const socket = request.socket;
      if (socket === null) reject(new Error('the connection has no socket'));
      else resolve(Duplex.from({ readable: answer, writable: socket }));
    });
    request.end(options.json === undefined ? undefined : JSON.stringify(options.json));
    return promise;
  }

  /** Headers of `_ping`. HEAD first, as engines before 1.40 answer GET only. */
  async ping(): Promise<http.IncomingMessage> {
    let answer = await this.#send('HEAD', '/_ping', {}, '');
    answer.resume();
    if (answer.statusCode !== 200) {
      answer = await this.#send('GET', '/_ping', {}, '');
      answer.resume();
    }
    const version = answer.headers['api-version'];
    if (typeof version === 'string' && !this.#settled) this.#settle(version);
    return answer;
  }

  /** A connection on which nothing has been said. @throws {WharfError} `CANNOT_CONNECT` and its like */
  async dial(): Promise<Duplex> {
    const address = this.#address;
    if (address.kind === 'ssh') return (await import('./ssh.ts')).dialSsh(address.target);
    const net = await import('node:net');
    const secure = this.#tls !== undefined && address.kind === 'tcp';
    const target = address.kind === 'unix' ? { path: address.path } : { host: address.hostname, port: address.port };
    const socket = secure
      ? (await import('node:tls')).connect({ ...target, ...tlsOptions(this.#tls) })
      : net.connect({ ...target, allowHalfOpen: true });
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    socket.once(secure ? 'secureConnect' : 'connect', () => resolve(socket));
    socket.once('error', (e) => reject(this.#connectError(e)));
    return promise;
  }

  async #negotiate(): Promise<void> {
    const answer = await this.ping();
    if (answer.headers['api-version'] === undefined) this.#settle('1.24');
  }

  #settle(engine: string): void {
    this.#version = olderOf(this.#version, engine);
    this.#settled = true;
  }

  async #checked(answer: http.IncomingMessage): Promise<http.IncomingMessage> {
    if ((answer.statusCode ?? 500) < 400) {
      if (!this.#settled && answer.headers['api-version'] !== undefined) this.#settled = true;
      return answer;
    }
    throw errorFrom(answer, await textOf(answer));
  }

  async #bodyOf(answer: http.IncomingMessage): Promise<string> {
    try {
      return await textOf(answer);
    } catch (cause) {
      throw brokenAnswer({ host: this.host, reason: messageOf(cause) }, { cause });
    }
  }

  async #send(
    method: string,
    path: string,
    options: CallOptions,
    prefix?: string,
    again = true,
  ): Promise<http.IncomingMessage> {
    const request = await this.#request(method, path, options, true, prefix);
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    request.once('response', resolve);
    request.on('error', reject); // stays: an error after the answer (it refused before the body was through) is no news
    if (options.body !== undefined) {
      const body = options.body;
      body.once('error', (e) => {
        reject(e);
        request.destroy();
      });
      request.once('close', () => body.destroy());
      body.pipe(request);
    } else {
      request.end(options.json === undefined ? undefined : JSON.stringify(options.json));
    }
    try {
      return await promise;
    } catch (e) {
      // A kept-alive connection may have been closed by the engine at the moment it was used again.
      if (again && request.reusedSocket && options.body === undefined && errnoOf(e) === 'ECONNRESET') {
        return this.#send(method, path, options, prefix, false);
      }
      throw this.#connectError(e);
    }
  }

  async #request(
    method: string,
    path: string,
    options: CallOptions,
    reuse: boolean,
    prefix = `/v${this.#version}`,
  ): Promise<http.ClientRequest> {
    const headers: Record<string, string> = {
      ...this.#headers,
      Host: this.#hostHeader(),
      'User-Agent': 'wharf',
      ...options.headers,
    };
    if (options.body !== undefined) headers['Content-Type'] ??= 'application/x-tar';
    else if (options.json !== undefined) {
      headers['Content-Type'] = 'application/json';
      headers['Content-Length'] = String(Buffer.byteLength(JSON.stringify(options.json)));
    } else if (method === 'POST' || method === 'PUT') headers['Content-Length'] = '0';
    const { request, agent, how, single } = await (this.#dialler ??= dialler(this.#address, this.#tls));
    return request({
      ...how,
      method,
      path: prefix + path + queryText(options.query),
      headers,
      agent: reuse ? agent : single === null ? undefined : false,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** Of a TCP host its own name, which certificates are checked against; a socket has none. */
  #hostHeader(): string {
    const address = this.#address;
    if (address.kind !== 'tcp') return 'docker';
    return `${address.hostname.includes(':') ? `[${address.hostname}]` : address.hostname}:${address.port}`;
  }

  #connectError(cause: unknown): unknown {
    if (cause instanceof Error && cause.name === 'AbortError') return cause;
    switch (errnoOf(cause)) {
      case 'ENOENT':
      case 'ENOTSOCK':
      case 'ECONNREFUSED':
      case 'ENOTFOUND':
      case 'EHOSTUNREACH':
      case 'ENETUNREACH':
      case 'ETIMEDOUT':
        return cannotConnect({ host: this.host }, { cause });
      case 'EACCES':
      case 'EPERM':
        return connectionDenied(
          { host: this.host },
          { cause, hint: accessHint(this.#address.kind === 'unix' ? this.#address.path : '') },
        );
      default:
        return cause instanceof Error && (errnoOf(cause) !== undefined || 'code' in cause)
          ? brokenAnswer({ host: this.host, reason: messageOf(cause) }, { cause })
          : cause;
    }
  }
}

interface Dialler {
  readonly request: typeof http.request;
  readonly agent: http.Agent;
  /** For a connection that is not shared; `false` unless given. Node asks a `createConnection` only where there is no agent at all, which is `null` here. */
  readonly single?: null;
  /** Where and how to connect: part of each request's options. */
  readonly how: object;
}

/** Plain HTTP, HTTPS, or ssh: each is loaded only where it is used, as loading takes a third of a short command's time. */
async function dialler(address: Address, tls: ClientOptions['tls']): Promise<Dialler> {
  if (address.kind === 'tcp' && tls !== undefined) {
    const https = await import('node:https');
    const how = { host: address.hostname, port: address.port, ...tlsOptions(tls) };
    return { request: https.request, agent: new https.Agent({ keepAlive: true }), how };
  }
  // Not by import: that reads every export, and with one of them loads all of undici, which takes longer than Node's start.
  const plain = process.getBuiltinModule('node:http');
  const agent = new plain.Agent({ keepAlive: true });
  if (address.kind === 'unix') return { request: plain.request, agent, how: { socketPath: address.path } };
  if (address.kind === 'tcp') {
    return { request: plain.request, agent, how: { host: address.hostname, port: address.port } };
  }
  const { dialSsh } = await import('./ssh.ts');
  const createConnection = () => dialSsh(address.target);
  agent.createConnection = createConnection;
  return { request: plain.request, agent, single: null, how: { host: address.target.host, createConnection } };
}

function tlsOptions(tls: ClientOptions['tls']): ConnectionOptions {
  if (tls === undefined) return {};
  const { verify, ...pems } = tls;
  return { ...pems, rejectUnauthorized: verify };
}

async function textOf(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The engine's words: `message` of a JSON body, or the text of a plain one. */
function errorFrom(answer: http.IncomingMessage, text: string): ApiError {
  const status = answer.statusCode ?? 500;
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return new ApiError(status, body.message);
    }
  } catch {
    // not JSON: hijacked connections are refused in plain text
  }
  return new ApiError(status, text.trim() || `request returned ${status} ${answer.statusMessage ?? ''}`.trim());
}

function queryText(query: Query | undefined): string {
  if (query === undefined) return '';
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const item of value) params.append(name, item);
    else params.append(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

function olderOf(a: string, b: string): string {
  const number = (v: string) => v.split('.').map(Number);
  const [aMajor = 0, aMinor = 0] = number(a);
  const [bMajor = 0, bMinor = 0] = number(b);
  return aMajor < bMajor || (aMajor === bMajor && aMinor < bMinor) ? a : b;
}
