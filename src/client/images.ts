import type { Platform } from '../core/platform.ts';
import { Readable } from 'node:stream';
import type { ProgressMessage, RegistryAuth } from '../core/wire/resources.ts';
import type { BuildQuery, Client } from './contract.ts';
import { ApiError } from './errors.ts';
import { filterText } from './filters.ts';
import { jsonObjects } from './json-stream.ts';
import type { Query, Transport } from './transport.ts';

/** How an engine says that it cannot read a directory where it is. */
const NOT_HERE = 'the build context cannot be read where the engine runs';

/** `/images`, `/commit`, `/build`: one method an endpoint. */
export function imageCalls(http: Transport): Client['images'] {
  const at = (name: string, rest = '') => `/images/${name.split('/').map(encodeURIComponent).join('/')}${rest}`;
  const build = async function* (context: Readable, options: BuildQuery): AsyncGenerator<ProgressMessage> {
    const answer = await http.call('POST', '/build', {
      query: buildQuery(options),
      body: context,
      headers: {
        'X-Registry-Config': base64Url(options.registryConfig ?? {}),
        'X-Wharf-Build': base64Url(options.extras ?? {}),
      },
      signal: options.signal,
    });
    yield* jsonObjects<ProgressMessage>(answer);
  };
  /** Whether the engine is one of ours, behind a socket of this machine (which may still lead elsewhere). */
  const mayReadOurFiles = async (): Promise<boolean> => {
    if (!http.host.startsWith('unix://')) return false;
    return String((await http.ping()).headers.server).startsWith('Wharf/');
  };
  return {
    list: (options = {}) =>
      http.json('GET', '/images/json', {
        query: {
          all: options.all,
          digests: options.digests,
          manifests: options.manifests,
          filters: filterText(options.filters),
        },
      }),
    inspect: (name, platform) => http.json('GET', at(name, '/json'), { query: { platform: platformJson(platform) } }),
    history: (name, platform) =>
      http.json('GET', at(name, '/history'), { query: { platform: platformJson(platform) } }),
    tag: (name, repository, tag) => http.done('POST', at(name, '/tag'), { query: { repo: repository, tag } }),
    remove: (name, options = {}) =>
      http.json('DELETE', at(name), {
        query: {
          force: options.force,
          noprune: options.noPrune,
          platforms: options.platforms?.map((p) => JSON.stringify(p)),
        },
      }),
    prune: (filters) => http.json('POST', '/images/prune', { query: { filters: filterText(filters) } }),
    pull: async function* (reference, options) {
      const answer = await http.call('POST', '/images/create', {
        query: { fromImage: reference, tag: options.tag, platform: options.platform },
        headers: authHeader(options.auth),
        signal: options.signal,
      });
      yield* jsonObjects(answer);
    },
    push: async function* (name, options) {
      const answer = await http.call('POST', at(name, '/push'), {
        query: { tag: options.tag, platform: platformJson(options.platform) },
        headers: authHeader(options.auth ?? {}), // engines before 23 refuse a push without it
        signal: options.signal,
      });
      yield* jsonObjects(answer);
    },
    distribution: (name, auth) =>
      http.json('GET', `/distribution/${name.split('/').map(encodeURIComponent).join('/')}/json`, {
        headers: authHeader(auth),
      }),
    pushIndex: (name, { raw, mediaType, from }, auth) =>
      http.json('POST', `/distribution/${name.split('/').map(encodeURIComponent).join('/')}/index`, {
        json: { Raw: raw.toString('base64'), MediaType: mediaType, From: from },
        headers: authHeader(auth),
      }),
    load: async function* (tar, options = {}) {
      const query = { quiet: options.quiet ?? false, platform: platformJson(options.platform) };
      yield* jsonObjects(await http.call('POST', '/images/load', { query, body: tar, signal: options.signal }));
    },
    save: (names, platform) => http.call('GET', '/images/get', { query: { names, platform: platformJson(platform) } }),
    import: async function* (source, options) {
      const url = typeof source === 'string';
      const query = {
        fromSrc: url ? source : '-',
        repo: options.repository,
        tag: options.tag,
        message: options.message,
        changes: options.changes,
        platform: options.platform,
      };
      yield* jsonObjects(await http.call('POST', '/images/create', { query, ...(url ? {} : { body: source }) }));
    },
    commit: (options) =>
      http.json('POST', '/commit', {
        query: {
          container: options.container,
          repo: options.repository,
          tag: options.tag,
          comment: options.comment,
          author: options.author,
          changes: options.changes,
          pause: options.pause,
        },
        json: {},
      }),
    files: (name) => http.call('GET', '/build/files', { query: { image: name } }),
    archive: (images, type, attrs) =>
      http.call('GET', '/build/files', { query: { image: images, type, attrs: JSON.stringify(attrs) } }),
    buildCache: (id) => http.call('GET', '/build/cache/export', { query: { id } }),
    build: async function* (context, options) {
      if (!('claim' in context)) return yield* build(...withSide(context, options));
      const named = { ...options, dockerfile: context.dockerfile };
      if (await mayReadOurFiles()) {
        using claimed = await context.claim(options.side);
        try {
          return yield* build(claimed.tar, withExtras(named, claimed.extras));
        } catch (e) {
          if (!(e instanceof ApiError && e.message === NOT_HERE)) throw e;
        }
      }
      yield* build(...withSide(context.tar(), named));
    },
  };
}

/** A context and what goes with it but is no part of it, as one tar. */
function withSide(context: Readable, options: BuildQuery): [Readable, BuildQuery] {
  const { side } = options;
  if (side === undefined) return [context, options];
  async function* all(): AsyncGenerator<Buffer> {
    yield* side?.beforeTar(true) ?? [];
    yield* context as AsyncIterable<Buffer>;
  }
  const tar = Readable.from(all(), { objectMode: false });
  tar.once('close', () => context.destroy());
  const namedContexts = Object.fromEntries(Object.keys(side.directories).map((name) => [name, `side:${name}`]));
  return [tar, withExtras(options, { sideDirectory: side.name, namedContexts })];
}

/** Adds fields; named contexts are added to those that are there. */
function withExtras(options: BuildQuery, more: Readonly<Record<string, unknown>>): BuildQuery {
  const namedContexts = { ...asObject(options.extras?.['namedContexts']), ...asObject(more['namedContexts']) };
  return { ...options, extras: { ...options.extras, ...more, namedContexts } };
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function buildQuery(options: BuildQuery): Query {
  const json = (value: object | undefined) =>
    value === undefined || Object.keys(value).length === 0 ? undefined : JSON.stringify(value);
  return {
    t: options.tags,
    dockerfile: options.dockerfile,
    buildargs: json(options.buildArgs),
    labels: json(options.labels),
    target: options.target,
    nocache: options.noCache,
    pull: options.pull,
    q: options.quiet,
    networkmode: options.networkMode,
    extrahosts: options.extraHosts?.length ? options.extraHosts.join(',') : undefined,
    cachefrom: options.cacheFrom?.length ? JSON.stringify(options.cacheFrom) : undefined,
    shmsize: options.shmSizeBytes,
    ulimits: json(options.ulimits),
    ...options.limits,
    platform: options.platform,
    rm: options.removeIntermediate ?? true,
    version: '1',
  };
}

/** Platforms of the images' endpoints are JSON, not text. */
function platformJson(platform: Platform | undefined): string | undefined {
  return platform === undefined ? undefined : JSON.stringify(platform);
}

function authHeader(auth: RegistryAuth | undefined): Record<string, string> {
  return auth === undefined ? {} : { 'X-Registry-Auth': base64Url(auth) };
}

function base64Url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
