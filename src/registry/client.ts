import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type Digest, isDigest, sha256 } from '../core/digest.ts';
import { messageOf } from '../core/errors.ts';
import { MEDIA_TYPES } from '../core/oci.ts';
import type { RegistryAuth } from '../core/wire/resources.ts';
import { Authenticator } from './auth.ts';
import { type Endpoint, type EndpointOptions, endpointsOf } from './endpoints.ts';
import { badManifest, registryNotFound, registryRefused, registryUnauthorized, registryUnreachable } from './errors.ts';
import { resumed, verified } from './download.ts';
import { bodyOf, Http, type HttpRequest } from './http.ts';

/** How long a registry may take to say that it is there. */
const PING_MS = 15_000;

const ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerManifest,
].join(', ');

/** A manifest or index as the registry serves it; digest and size are of exactly these bytes. */
export interface ServedManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

export type ConnectOptions = EndpointOptions & {
  readonly auth: RegistryAuth | undefined;
  readonly actions: 'pull' | 'pull,push';
  readonly signal: AbortSignal;
  /** How long a registry may say nothing, milliseconds, instead of what is usual. */
  readonly idleMs?: number;
};

/**
 * Connects to the first endpoint of a registry that answers `/v2/`; mirrors are not asked. The client speaks for one repository.
 * @throws {WharfError} `REGISTRY_UNREACHABLE` of the last endpoint tried, within some ten seconds each
 */
export async function connectRegistry(
  registry: string,
  repository: string,
  options: ConnectOptions,
): Promise<RegistryClient> {
  let failure: unknown;
  for (const endpoint of endpointsOf(registry, { ...options, registryMirrors: [] })) {
    const client = new RegistryClient(endpoint, repository, options);
    try {
      await client.ping();
      return client;
    } catch (e) {
      client[Symbol.dispose]();
      if (!registryUnreachable.is(e)) throw e;
      failure = e;
    }
  }
  throw failure;
}

/**
 * Does work with a registry's mirrors in turn until one can do it, and if none can with the registry itself.
 * @param options.onMirrorFailed told why a mirror is passed over
 * @throws {WharfError} what the registry itself says
 */
export async function readRegistry<T>(
  registry: string,
  repository: string,
  options: ConnectOptions & { readonly onMirrorFailed: (base: string, why: string) => void },
  work: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  for (const endpoint of endpointsOf(registry, options).filter(({ mirror }) => mirror)) {
    // Credentials are the registry's, and no business of a mirror's.
    using client = new RegistryClient(endpoint, repository, { ...options, auth: undefined });
    try {
      await client.ping();
      return await work(client);
    } catch (e) {
      options.signal.throwIfAborted();
      options.onMirrorFailed(endpoint.base, messageOf(e));
    }
  }
  using client = await connectRegistry(registry, repository, options);
  return await work(client);
}

/** A request; without a signal of its own it has the client's. */
type Asked = Omit<HttpRequest, 'signal'> & { readonly signal?: AbortSignal };

/** A repository of a registry (OCI distribution-spec 1.1). */
export class RegistryClient implements Disposable {
  readonly #endpoint: Endpoint;
  readonly #repository: string;
  readonly #http: Http;
  readonly #auth: Authenticator;
  readonly #scope: string;
  readonly #signal: AbortSignal;
  readonly #idleMs: number | undefined;

  constructor(endpoint: Endpoint, repository: string, options: Omit<ConnectOptions, keyof EndpointOptions>) {
    this.#endpoint = endpoint;
    this.#repository = repository;
    this.#http = new Http({ verifyTls: endpoint.verifyTls, registry: new URL(endpoint.base).host });
    this.#auth = new Authenticator(this.#http, options.auth);
    this.#scope = `repository:${repository}:${options.actions}`;
    this.#signal = options.signal;
    this.#idleMs = options.idleMs;
  }

  /** Asks whether there is a registry, and how it wants to be spoken to. */
  async ping(): Promise<void> {
    const url = `${this.#endpoint.base}/v2/`;
    const answer = await this.#http.send(url, { signal: this.#signal, idleMs: this.#idleMs ?? PING_MS });
    answer.resume();
    if (answer.statusCode === 401) this.#auth.learn(answer.headers['www-authenticate'], this.#scope);
    else if (answer.statusCode !== 200) {
      throw registryRefused({ why: `${url}: unexpected status ${answer.statusCode}: is there a registry?` });
    }
  }

  /** Tries the credentials. Gives a token to keep instead of the password; empty if the registry has none. */
  async login(): Promise<string> {
    const url = `${this.#endpoint.base}/v2/`;
    const refreshToken = await this.#auth.refreshToken(this.#signal);
    const authorization = await this.#auth.header('', this.#signal);
    const answer = await this.#http.send(url, { headers: authorization, signal: this.#signal, idleMs: PING_MS });
    (await this.#good(answer, [200])).resume();
    return refreshToken;
  }

  /** @throws {WharfError} `REGISTRY_NOT_FOUND`, `REGISTRY_UNAUTHORIZED`, `BAD_MANIFEST` */
  async manifest(reference: string): Promise<ServedManifest> {
    const answer = await this.#send(`manifests/${reference}`, { headers: { accept: ACCEPT } });
    const bytes = await bodyOf(await this.#good(answer, [200]));
    const digest = isDigest(reference) && reference.startsWith('sha512:') ? sha512(bytes) : sha256(bytes);
    if (isDigest(reference) && reference !== digest) {
      throw badManifest({ why: `manifest verification failed for digest ${reference}` });
    }
    const mediaType = (answer.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    if (mediaType.startsWith('text/html')) {
      throw badManifest({
        why: `${this.#endpoint.base} answered with a web page: this is no registry, or a proxy is in between`,
      });
    }
    return { bytes, mediaType, digest };
  }

  /** What a tag means now, without fetching it; `undefined` if the registry does not tell. Counts in no rate limit that we know. */
  async digestOf(tag: string): Promise<Digest | undefined> {
    const answer = await this.#send(`manifests/${tag}`, { method: 'HEAD', headers: { accept: ACCEPT } });
    answer.resume();
    const digest = answer.headers['docker-content-digest'];
    return answer.statusCode === 200 && typeof digest === 'string' && isDigest(digest) ? digest : undefined;
  }

  /**
   * A blob, checked while it is read: the stream fails at its end if bytes differ from the digest. Nothing is asked before the
   * first byte is wanted; where a connection breaks, the next one goes on.
   * @param options.sizeBytes what the manifest says; more or less than that is refused
   * @throws {WharfError} `REGISTRY_NOT_FOUND`, `BLOB_MISMATCH`, `REGISTRY_UNREACHABLE` after five attempts in a row without a byte
   */
  blob(
    digest: Digest,
    options: {
      readonly sizeBytes?: number;
      readonly onRetry?: (seconds: number) => void;
      readonly signal?: AbortSignal;
    } = {},
  ): AsyncIterable<Buffer> {
    const signal = options.signal ?? this.#signal;
    const from = async (start: number): Promise<IncomingMessage> => {
      const range = start === 0 ? {} : { range: `bytes=${start}-` };
      const answer = await this.#send(`blobs/${digest}`, {
        headers: { ...range, 'accept-encoding': 'identity' },
        signal,
      });
      return this.#good(answer, start === 0 ? [200] : [200, 206]);
    };
    return verified(resumed(from, { ...options, what: digest, signal }), digest, options.sizeBytes);
  }

  /** `blob` as a stream, to be passed on. */
  blobStream(digest: Digest, sizeBytes: number): Readable {
    return Readable.from(this.blob(digest, { sizeBytes }), { objectMode: false });
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    const answer = await this.#send(`blobs/${digest}`, { method: 'HEAD' });
    answer.resume();
    return answer.statusCode === 200;
  }

  /** @throws {WharfError} `REGISTRY_NOT_FOUND` */
  async blobSize(digest: Digest): Promise<number | undefined> {
    const answer = await this.#good(await this.#send(`blobs/${digest}`, { method: 'HEAD' }), [200]);
    answer.resume();
    const length = answer.headers['content-length'];
    return length === undefined ? undefined : Number(length);
  }

  /** Lets the registry take a blob over from another repository of its own. `false`: it would rather have it uploaded. */
  async mount(digest: Digest, from: string): Promise<boolean> {
    const path = `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
    const answer = await this.#sendTo(
      `${this.#endpoint.base}/v2/${this.#repository}/${path}`,
      { method: 'POST', body: Buffer.alloc(0) },
      undefined,
      `${this.#scope} repository:${from}:pull`,
    );
    answer.resume();
    const { location } = answer.headers;
    if (answer.statusCode === 202 && location !== undefined) {
      // It has begun an upload instead: not wanted.
      const cancelled = await this.#sendTo(new URL(location, `${this.#endpoint.base}/`).href, { method: 'DELETE' });
      cancelled.resume();
    }
    return answer.statusCode === 201;
  }

  /** Uploads a blob in one piece. `open` may be called twice, should the registry ask for a new token in between. */
  async upload(digest: Digest, sizeBytes: number, open: () => Buffer | Readable): Promise<void> {
    const started = await this.#good(
      await this.#send('blobs/uploads/', { method: 'POST', body: Buffer.alloc(0) }),
      [202],
    );
    started.resume();
    const url = new URL(this.#place(started));
    url.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) };
    const answer = await this.#good(await this.#sendTo(url.href, { method: 'PUT', headers }, open), [201, 204]);
    answer.resume();
  }

  /**
   * Uploads a blob that is being made: its digest is asked for when the last byte is sent.
   * The body cannot be read twice, so the registry's wishes about authentication are heard before.
   */
  async uploadStream(open: () => Readable, finish: () => Digest): Promise<void> {
    const started = await this.#good(
      await this.#send('blobs/uploads/', { method: 'POST', body: Buffer.alloc(0) }),
      [202],
    );
    started.resume();
    const headers = { 'content-type': 'application/octet-stream' };
    const sent = await this.#good(
      await this.#sendTo(this.#place(started), { method: 'PATCH', headers }, open),
      [202, 204],
    );
    sent.resume();
    const url = new URL(this.#place(sent));
    url.searchParams.set('digest', finish());
    const answer = await this.#sendTo(url.href, { method: 'PUT', body: Buffer.alloc(0) });
    (await this.#good(answer, [201, 204])).resume();
  }

  /** Success means that `reference` names these bytes. */
  async putManifest(reference: string, bytes: Buffer, mediaType: string): Promise<void> {
    const request = { method: 'PUT', headers: { 'content-type': mediaType }, body: bytes };
    (await this.#good(await this.#send(`manifests/${reference}`, request), [201, 202])).resume();
  }

  /** All tags of the repository. */
  async tags(): Promise<string[]> {
    const tags: string[] = [];
    let next: string | undefined = `${this.#endpoint.base}/v2/${this.#repository}/tags/list`;
    while (next !== undefined) {
      const answer: IncomingMessage = await this.#good(await this.#sendTo(next, {}), [200]);
      const document = JSON.parse((await bodyOf(answer)).toString()) as { tags?: string[] | null };
      tags.push(...(document.tags ?? []));
      const link = /<([^>]+)>;\s*rel="?next/.exec(String(answer.headers['link'] ?? ''))?.[1];
      next = link === undefined ? undefined : new URL(link, next).href;
    }
    return tags;
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  /** Where an upload goes on. */
  #place(answer: IncomingMessage): string {
    const { location } = answer.headers;
    if (location === undefined) throw registryRefused({ why: 'the registry gave no place to upload to' });
    return new URL(location, `${this.#endpoint.base}/`).href;
  }

  #send(path: string, request: Asked): Promise<IncomingMessage> {
    return this.#sendTo(`${this.#endpoint.base}/v2/${this.#repository}/${path}`, request);
  }

  async #sendTo(
    url: string,
    request: Asked,
    open?: () => Buffer | Readable,
    scope = this.#scope,
  ): Promise<IncomingMessage> {
    for (let attempt = 0; ; attempt++) {
      // An upload's place may be on another host, which has no business with our token.
      const own = new URL(url).host === new URL(this.#endpoint.base).host;
      const authorization = own ? await this.#auth.header(scope, this.#signal) : {};
      const body = open ? { body: open() } : {};
      const headers = { ...request.headers, ...authorization };
      const patience = { signal: request.signal ?? this.#signal, idleMs: this.#idleMs };
      const answer = await this.#http.send(url, { ...request, ...body, headers, ...patience });
      if (answer.statusCode !== 401 || attempt > 0) return answer;
      if (!this.#auth.learn(answer.headers['www-authenticate'], scope)) return answer;
      answer.resume();
    }
  }

  /** Passes on an answer that has one of these statuses. @throws {WharfError} what the registry says otherwise */
  async #good(answer: IncomingMessage, statuses: readonly number[]): Promise<IncomingMessage> {
    const status = answer.statusCode ?? 0;
    if (statuses.includes(status)) return answer;
    const why = errorText(await bodyOf(answer), status);
    if (status === 401 || status === 403) throw registryUnauthorized({ why });
    if (status === 429) throw registryRefused({ why: rateLimited(why, answer) });
    if (status === 404) throw registryNotFound({ why });
    throw registryRefused({ why });
  }
}

/** `code: message` of a registry's error document, as Docker prints it. */
function errorText(body: Buffer, status: number): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: string; message?: string }[] };
    const [first] = errors ?? [];
    if (first) return `${(first.code ?? 'unknown').toLowerCase().replaceAll('_', ' ')}: ${first.message ?? ''}`;
  } catch (e) {
    if (!(e instanceof SyntaxError)) throw new Error(messageOf(e), { cause: e });
  }
  return `unexpected status from the registry: ${status}`;
}

function sha512(bytes: Buffer): Digest {
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;
}

/** What to know about a rate limit: when it ends, and what helps. */
function rateLimited(why: string, { headers }: IncomingMessage): string {
  const after = headers['retry-after'];
  const when = after === undefined ? '' : ` (try again in ${after} seconds)`;
  return `${why}${when}: logging in or a registry mirror raises the limit`;
}
