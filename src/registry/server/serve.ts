import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIPv6, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { badRegistryOption } from '../errors.ts';
import { Access } from './access.ts';
import { BlobFiles } from './blob-files.ts';
import { blobRoute } from './blob-routes.ts';
import { Catalog } from './catalog.ts';
import { collect } from './collect.ts';
import type { RegistryServer, RegistryServerOptions } from './contract.ts';
import { Refusal, unsupportedHere } from './errors.ts';
import { type Exchange, type Parts, reply, replyJson } from './exchange.ts';
import { catalogRoute, referrersRoute, tagsRoute } from './list-routes.ts';
import { manifestRoute } from './manifest-routes.ts';
import { Metrics } from './metrics.ts';
import { beginUploadRoute, uploadRoute } from './upload-routes.ts';
import { Uploads } from './uploads.ts';
import { Upstream } from './upstream.ts';

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const MAX_NAME = 255;

type Route = (exchange: Exchange) => Promise<void> | void;
const ROUTES: readonly (readonly [name: string, path: RegExp, route: Route])[] = [
  ['upload', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, uploadRoute],
  ['uploads', /^\/v2\/(.+)\/blobs\/uploads(\/?)$/, beginUploadRoute],
  ['blob', /^\/v2\/(.+)\/blobs\/([^/]+)$/, blobRoute],
  ['manifest', /^\/v2\/(.+)\/manifests\/([^/]+)$/, manifestRoute],
  ['tags', /^\/v2\/(.+)\/tags\/(list)$/, tagsRoute],
  ['referrers', /^\/v2\/(.+)\/referrers\/([^/]+)$/, referrersRoute],
];

/**
 * Starts a registry. Success means that it listens.
 * @throws {WharfError} `BAD_REGISTRY_OPTION`, also if the address is taken
 */
export async function serveRegistry(options: RegistryServerOptions): Promise<RegistryServer> {
  mkdirSync(options.data, { recursive: true, mode: 0o700 });
  const access = options.htpasswd === undefined ? undefined : new Access(options.htpasswd, options.verifyPassword);
  const upstream = options.proxy === undefined ? undefined : new Upstream(options.proxy);
  const files = new BlobFiles(options.data);
  const catalog = new Catalog(join(options.data, 'registry.db'));
  const uploads = new Uploads(files, catalog);
  const metrics = new Metrics();
  const parts: Parts = { files, catalog, uploads, metrics, upstream, readOnly: options.readOnly, log: options.log };
  const service = new Service(parts, access);
  const handler = (request: IncomingMessage, response: ServerResponse): void => void service.answer(request, response);
  // A layer may take hours on a slow line.
  const settings = { requestTimeout: 0, keepAliveTimeout: 75_000 };
  const server = options.tls
    ? createTlsServer({ ...settings, cert: options.tls.cert, key: options.tls.key }, handler)
    : createServer(settings, handler);
  try {
    server.listen(options.port, options.host);
    await once(server, 'listening');
  } catch (e) {
    catalog[Symbol.dispose]();
    const why = errnoOf(e) === 'EADDRINUSE' ? 'address already in use' : messageOf(e);
    throw badRegistryOption({ why: `cannot listen on ${options.host}:${options.port}: ${why}` }, { cause: e });
  }
  const { port } = server.address() as AddressInfo;
  const host = isIPv6(options.host) ? `[${options.host}]` : options.host;
  const runCollection = async (): Promise<void> => {
    const { blobs, bytes } = await collect(parts, options.graceMs);
    metrics.add('wharf_registry_collected_blobs_total', {}, blobs);
    metrics.add('wharf_registry_collected_bytes_total', {}, bytes);
    options.log.info('collected garbage', { blobs, bytes });
  };
  let collecting = Promise.resolve();
  const collectNow = (): Promise<void> => {
    collecting = collecting.then(runCollection);
    return collecting;
  };
  const timer =
    options.collectEveryMs === 0
      ? undefined
      : setInterval(() => {
          collectNow().catch((e: unknown) => options.log.error('garbage collection failed', { error: messageOf(e) }));
        }, options.collectEveryMs);
  return {
    url: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
    collect: collectNow,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      upstream?.[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
      await collecting.catch(() => undefined);
      await service.idle();
      catalog[Symbol.dispose]();
    },
  };
}

/** Takes requests apart, and puts refusals into the form clients expect. */
class Service {
  readonly #parts: Parts;
  readonly #access: Access | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #startedAt = Date.now();

  constructor(parts: Parts, access: Access | undefined) {
    this.#parts = parts;
    this.#access = access;
  }

  answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const done = this.#answer(request, response).finally(() => this.#running.delete(done));
    this.#running.add(done);
    return done;
  }

  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, log } = this.#parts;
    const method = request.method ?? 'GET';
    const facts: { route: string } = { route: 'other' };
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    response.setHeader('x-content-type-options', 'nosniff');
    const begin = performance.now();
    try {
      await this.#route(request, response, method, facts);
    } catch (e) {
      // A client that left has broken its own request: nobody is there to be told.
      if (!(e instanceof Refusal) && !response.destroyed && !request.destroyed) {
        log.error('request failed', { method, url: request.url, error: messageOf(e) });
      }
      if (response.headersSent) response.destroy();
      else refuse(response, method, e);
    }
    request.resume(); // what is left of a refused body stands before the next request
    const status = response.statusCode;
    metrics.add('wharf_registry_requests_total', { code: status, method, route: facts.route });
    log.debug('request', { method, url: request.url, status, ms: Math.round(performance.now() - begin) });
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    method: string,
    facts: { route: string },
  ): Promise<void> {
    const parts = this.#parts;
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://registry');
    const exchange: Exchange = { parts, request, response, method, query, repository: '', rest: '' };
    if (this.#access && !this.#access.allows(request.headers.authorization)) {
      throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
        'www-authenticate': 'Basic realm="wharf registry"',
      });
    }
    if (pathname === '/v2/' || pathname === '/v2') {
      facts.route = 'base';
      replyJson(exchange, {});
      return;
    }
    if (pathname === '/metrics') {
      facts.route = 'metrics';
      reply(exchange, 200, { 'content-type': 'text/plain; version=0.0.4' }, this.#metrics());
      return;
    }
    if (pathname === '/v2/_catalog') {
      facts.route = 'catalog';
      catalogRoute(exchange);
      return;
    }
    if (parts.readOnly && method !== 'GET' && method !== 'HEAD') {
      throw unsupportedHere('this registry is in read-only mode');
    }
    if (parts.upstream && !['GET', 'HEAD', 'DELETE'].includes(method)) {
      throw unsupportedHere('this registry is a pull-through cache: nothing can be pushed to it');
    }
    for (const [name, path, route] of ROUTES) {
      const m = path.exec(pathname);
      if (!m) continue;
      facts.route = name;
      const repository = m[1] ?? '';
      if (!NAME.test(repository) || repository.length > MAX_NAME) {
        throw new Refusal(400, 'NAME_INVALID', `invalid repository name "${repository}"`);
      }
      await route({ ...exchange, repository, rest: decodeURIComponent(m[2] ?? '') });
      return;
    }
    throw new Refusal(404, 'NOT_FOUND', 'there is nothing here; the registry is below /v2/');
  }

  #metrics(): string {
    const { files, uploads, metrics } = this.#parts;
    let blobs = 0;
    let bytes = 0;
    for (const { sizeBytes } of files.all()) {
      blobs++;
      bytes += sizeBytes;
    }
    return metrics.text({
      wharf_registry_uploads: uploads.count,
      wharf_registry_blobs: blobs,
      wharf_registry_bytes: bytes,
      wharf_registry_uptime_seconds: Math.round((Date.now() - this.#startedAt) / 1000),
    });
  }
}

function refuse(response: ServerResponse, method: string, e: unknown): void {
  const refusal = e instanceof Refusal ? e : new Refusal(500, 'UNKNOWN', 'the registry failed; see its log');
  const errors = [{ code: refusal.code, message: refusal.message }];
  reply(
    { response, method },
    refusal.status,
    { 'content-type': 'application/json', ...refusal.headers },
    JSON.stringify({ errors }),
  );
}
