import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import { certificatesFor, trustedAuthorities } from './certificates.ts';
import { registryRefused, registryUnreachable } from './errors.ts';

const CONNECT_MS = 10_000;
/** How long a registry may think about an answer. */
const ANSWER_MS = 60_000;
/** How long it may take to put away what it was sent. */
const STORE_MS = 600_000;
/** How long there may be nothing of an answer that has begun. */
const BODY_MS = 20_000;
const MAX_REDIRECTS = 5;
const MAX_DOCUMENT = 8 * 1024 * 1024;

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  /** How long nothing may come, milliseconds; a minute unless told, twenty seconds once the answer has begun. */
  readonly idleMs?: number | undefined;
  readonly signal: AbortSignal;
}

interface Agents {
  readonly plain: Agent;
  readonly tls: TlsAgent;
}

/** Speaks HTTP to one registry and to wherever it redirects. Connections are kept until disposed. */
export class Http implements Disposable {
  readonly #direct: Agents;
  readonly #proxied: Agents;
  readonly #verifyTls: boolean;

  /** @param options.registry whose certificates of `certs.d` are used */
  constructor(options: { readonly verifyTls: boolean; readonly registry: string }) {
    const tls = { keepAlive: true, rejectUnauthorized: options.verifyTls, ...certificatesFor(options.registry) };
    const { ca, ...rest } = tls as typeof tls & { ca?: readonly string[] };
    const secure = ca === undefined ? rest : { ...rest, ca: [...ca] };
    // HTTP_PROXY, HTTPS_PROXY and NO_PROXY, small letters too.
    const proxyEnv = process.env;
    this.#verifyTls = options.verifyTls;
    this.#direct = { plain: new Agent({ keepAlive: true }), tls: new TlsAgent(secure) };
    this.#proxied = { plain: new Agent({ keepAlive: true, proxyEnv }), tls: new TlsAgent({ ...secure, proxyEnv }) };
  }

  /**
   * The answer, whatever its status; redirects are followed, without credentials if they lead to another host.
   * The caller consumes the body. @throws {WharfError} `REGISTRY_UNREACHABLE`
   */
  async send(url: string, request: HttpRequest): Promise<IncomingMessage> {
    let target = new URL(url);
    let headers = request.headers ?? {};
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once(target, { ...request, headers });
      const { location } = answer.headers;
      const redirect = [301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) && location !== undefined;
      if (!redirect || (request.method ?? 'GET') === 'POST' || request.body !== undefined) return answer;
      answer.resume();
      if (redirects >= MAX_REDIRECTS) throw registryRefused({ why: `${url}: too many redirects` });
      const next = new URL(location, target);
      if (next.host !== target.host || next.protocol !== target.protocol) {
        headers = Object.fromEntries(Object.entries(headers).filter(([key]) => key.toLowerCase() !== 'authorization'));
      }
      target = next;
    }
  }

  [Symbol.dispose](): void {
    for (const { plain, tls } of [this.#direct, this.#proxied]) {
      plain.destroy();
      tls.destroy();
    }
  }

  async #once(url: URL, { method = 'GET', headers = {}, body, idleMs, signal }: HttpRequest): Promise<IncomingMessage> {
    const tls = url.protocol === 'https:';
    if (tls && this.#verifyTls) trustedAuthorities();
    const send = tls ? httpsRequest : httpRequest;
    const agents = isLoopback(url.hostname) ? this.#direct : this.#proxied;
    const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
    const out = send(url, {
      method,
      agent: tls ? agents.tls : agents.plain,
      headers: { 'user-agent': `wharf/${VERSION}`, ...length, ...headers },
      signal,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      out.once('response', resolve);
      out.on('error', reject);
    });
    out.once('socket', (socket) => {
      if (!socket.connecting) return;
      const late = setTimeout(() => out.destroy(new Timeout('i/o timeout')), CONNECT_MS);
      const settled = (): void => clearTimeout(late);
      socket.once(tls ? 'secureConnect' : 'connect', settled).once('close', settled);
    });
    const hangUp = (): void => void out.destroy(new Timeout('i/o timeout'));
    out.setTimeout(idleMs ?? (body === undefined ? ANSWER_MS : STORE_MS), hangUp);
    out.once('response', () => out.setTimeout(idleMs ?? BODY_MS));
    try {
      if (body !== undefined && !Buffer.isBuffer(body)) {
        // The registry may answer (with a refusal) before it has read everything.
        const sent = pipeline(body, out);
        sent.catch(() => undefined);
        return await Promise.race([answered, sent.then(() => answered)]);
      }
      out.end(body);
      return await answered;
    } catch (e) {
      signal.throwIfAborted();
      throw registryUnreachable({ method: capitalised(method), url: shown(url), why: reason(e, url) }, { cause: e });
    }
  }
}

class Timeout extends Error {
  readonly code = 'ETIMEDOUT';
}

/** The whole body of a small answer. */
export async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_DOCUMENT) {
      answer.destroy();
      throw registryRefused({ why: 'the registry sent a document that is too large' });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const NOT_VERIFIED = 'tls: failed to verify certificate: x509:';

/** Errors of the network in the words of Docker's messages. */
function reason(e: unknown, url: URL): string {
  const first = e instanceof AggregateError ? (e.errors[0] as unknown) : e;
  const facts = first as { code?: string; address?: string; port?: number };
  const at = facts.address === undefined ? url.host : `${facts.address}:${facts.port ?? ''}`;
  switch (facts.code) {
    case 'ENOTFOUND':
      return `dial tcp: lookup ${url.hostname}: no such host`;
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`;
    case 'ECONNREFUSED':
      return `dial tcp ${at}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${at}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${at}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${at}: i/o timeout`;
    case 'ECONNRESET':
      return 'EOF';
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'http: server gave HTTP response to HTTPS client';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return `${NOT_VERIFIED} certificate signed by unknown authority (its *.crt belongs into /etc/wharf/certs.d/${url.host})`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `${NOT_VERIFIED} certificate has expired or is not yet valid`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `${NOT_VERIFIED} certificate is not for ${url.hostname}: ${messageOf(first)}`;
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
    case 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REQUIRED':
      return `remote error: tls: certificate required (certs.d/${url.host}/client.cert and client.key)`;
    default:
      return messageOf(first);
  }
}

/** No proxy is asked for what is on this machine. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

/** Signed URLs carry secrets in their query. */
function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
function capitalised(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}
