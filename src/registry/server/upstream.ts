import { type Digest, isDigest, sha256 } from '../../core/digest.ts';
import { DEFAULT_REGISTRY } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import { connectRegistry, type RegistryClient, type ServedManifest } from '../client.ts';
import { registryNotFound, registryUnauthorized } from '../errors.ts';
import { blobUnknown, manifestUnknown, Refusal } from './errors.ts';

/** The registry that a pull-through cache stands before. */
export class Upstream implements Disposable {
  readonly #registry: string;
  readonly #insecure: readonly string[];
  readonly #auth: RegistryAuth | undefined;
  readonly #clients = new Map<string, Promise<RegistryClient>>();
  readonly #closing = new AbortController();

  /** @param address `https://user:password@host[:port]`, `http://…`, or a host alone */
  constructor(address: string) {
    const url = new URL(address.includes('://') ? address : `https://${address}`);
    this.#registry = ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(url.host)
      ? DEFAULT_REGISTRY
      : url.host;
    this.#insecure = url.protocol === 'http:' ? [url.host] : [];
    this.#auth =
      url.username === ''
        ? undefined
        : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  }

  /** @throws {Refusal} `MANIFEST_UNKNOWN`, `DENIED`; 502 if the upstream does not answer */
  async manifest(repository: string, reference: string): Promise<ServedManifest> {
    const served = await this.#ask(repository, manifestUnknown, (client) => client.manifest(reference));
    if (isDigest(reference) && reference.startsWith('sha256:') && sha256(served.bytes) !== reference) {
      throw manifestUnknown();
    }
    return served;
  }
  /** The blob, checked while it is read, and its size as far as the upstream tells. */
  blob(repository: string, digest: Digest): Promise<AsyncIterable<Buffer>> {
    return this.#ask(repository, blobUnknown, async (client) => begun(client.blob(digest)));
  }
  /** Its size, if the upstream tells. @throws {Refusal} `BLOB_UNKNOWN` */
  async blobSize(repository: string, digest: Digest): Promise<number | undefined> {
    return this.#ask(repository, blobUnknown, (client) => client.blobSize(digest));
  }
  tags(repository: string): Promise<string[]> {
    return this.#ask(
      repository,
      () => new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry'),
      (client) => client.tags(),
    );
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const client of this.#clients.values()) {
      client.then(
        (c) => c[Symbol.dispose](),
        () => undefined,
      );
    }
  }

  async #ask<T>(repository: string, unknown: () => Refusal, ask: (client: RegistryClient) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#client(repository));
    } catch (e) {
      if (registryNotFound.is(e)) throw unknown();
      if (registryUnauthorized.is(e)) throw new Refusal(403, 'DENIED', `upstream: ${e.message}`);
      this.#clients.delete(repository);
      throw new Refusal(502, 'UNAVAILABLE', `upstream: ${e instanceof Error ? e.message : String(e)}`);
    }
  }

  #client(repository: string): Promise<RegistryClient> {
    const known = this.#clients.get(repository);
    if (known) return known;
    const client = connectRegistry(this.#registry, repository, {
      insecureRegistries: this.#insecure,
      registryMirrors: [],
      auth: this.#auth,
      actions: 'pull',
      signal: this.#closing.signal,
    });
    this.#clients.set(repository, client);
    return client;
  }
}

/** Asks for the first piece, so that a refusal is heard before anything is answered. */
async function begun(source: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    if (first.done !== true) yield first.value;
    for (let next = first; next.done !== true; ) {
      next = await iterator.next();
      if (next.done !== true) yield next.value;
    }
  })();
}
