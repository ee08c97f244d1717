import type { Client } from './contract.ts';
import { emptyName } from './errors.ts';
import { jsonObjects } from './json-stream.ts';
import { filterText } from './filters.ts';
import type { Transport } from './transport.ts';

/** `/containers`: one method an endpoint. */
export function containerCalls(http: Transport): Client['containers'] {
  const at = (id: string, rest = '') => {
    if (id.trim() === '') throw emptyName({ kind: 'container' });
    return `/containers/${encodeURIComponent(id)}${rest}`;
  };
  const halt = (options?: { signal?: string; timeoutSeconds?: number }) => ({
    query: { signal: options?.signal, t: options?.timeoutSeconds },
  });
  return {
    create: (request, options = {}) =>
      http.json('POST', '/containers/create', {
        query: { name: options.name, platform: options.platform },
        json: request,
      }),
    start: (id, options = {}) => http.done('POST', at(id, '/start'), { query: { detachKeys: options.detachKeys } }),
    stop: (id, options) => http.done('POST', at(id, '/stop'), halt(options)),
    kill: (id, signal) => http.done('POST', at(id, '/kill'), { query: { signal } }),
    restart: (id, options) => http.done('POST', at(id, '/restart'), halt(options)),
    pause: (id) => http.done('POST', at(id, '/pause')),
    unpause: (id) => http.done('POST', at(id, '/unpause')),
    rename: (id, name) => http.done('POST', at(id, '/rename'), { query: { name } }),
    wait: async (id, condition, signal) => {
      const answer = await http.call('POST', at(id, '/wait'), { query: { condition }, signal });
      const done = firstObject<{ StatusCode: number }>(answer);
      done.catch(() => undefined); // whoever awaits it sees the error; nobody need
      return { done };
    },
    remove: (id, options = {}) =>
      http.done('DELETE', at(id), { query: { force: options.force, v: options.volumes, link: options.link } }),
    list: (options = {}) =>
      http.json('GET', '/containers/json', {
        query: { all: options.all, limit: options.limit, size: options.size, filters: filterText(options.filters) },
      }),
    inspect: (id, options = {}) => http.json('GET', at(id, '/json'), { query: { size: options.size } }),
    logs: (id, query, signal) =>
      http.call('GET', at(id, '/logs'), {
        query: {
          stdout: query.stdout,
          stderr: query.stderr,
          since: query.since,
          until: query.until,
          tail: query.tail,
          follow: query.follow,
          timestamps: query.timestamps,
          details: query.details,
        },
        signal,
      }),
    attach: (id, options) =>
      http.hijack(at(id, '/attach'), {
        query: {
          stdin: options.stdin,
          stdout: options.stdout,
          stderr: options.stderr,
          logs: options.logs,
          stream: options.stream ?? true,
          detachKeys: options.detachKeys,
        },
      }),
    resize: (id, rows, columns) => http.done('POST', at(id, '/resize'), { query: { h: rows, w: columns } }),
    top: (id, psArgs) => http.json('GET', at(id, '/top'), { query: { ps_args: psArgs } }),
    update: (id, change) => http.json('POST', at(id, '/update'), { json: change }),
    changes: (id) => http.json('GET', at(id, '/changes')),
    stats: async function* (id, options, signal) {
      const query = { stream: options.stream, 'one-shot': options.oneShot };
      yield* jsonObjects(await http.call('GET', at(id, '/stats'), { query, signal }));
    },
    archiveStat: async (id, path) => {
      const answer = await http.call('HEAD', at(id, '/archive'), { query: { path } });
      answer.resume();
      return pathStat(answer.headers);
    },
    archiveGet: async (id, path) => {
      const answer = await http.call('GET', at(id, '/archive'), { query: { path } });
      return { stat: pathStat(answer.headers), tar: answer };
    },
    archivePut: (id, path, tar, options = {}) =>
      http.done('PUT', at(id, '/archive'), {
        query: { path, noOverwriteDirNonDir: options.noOverwriteDirNonDir, copyUIDGID: options.copyUidGid },
        body: tar,
      }),
    export: (id) => http.call('GET', at(id, '/export')),
    prune: (filters) => http.json('POST', '/containers/prune', { query: { filters: filterText(filters) } }),
  };
}

/** `/containers/{id}/exec` and `/exec`. */
export function execCalls(http: Transport): Client['execs'] {
  const at = (id: string, rest: string) => `/exec/${encodeURIComponent(id)}${rest}`;
  return {
    create: (id, request) => http.json('POST', `/containers/${encodeURIComponent(id)}/exec`, { json: request }),
    start: async (id, request) => {
      if (request.Detach !== true) return http.hijack(at(id, '/start'), { json: request });
      await http.done('POST', at(id, '/start'), { json: request });
      return null;
    },
    inspect: (id) => http.json('GET', at(id, '/json')),
    resize: (id, rows, columns) => http.done('POST', at(id, '/resize'), { query: { h: rows, w: columns } }),
  };
}

async function firstObject<T>(answer: AsyncIterable<Uint8Array>): Promise<T> {
  for await (const object of jsonObjects<T>(answer)) return object;
  throw new Error('the engine ended the connection before the container did');
}

function pathStat(headers: NodeJS.Dict<string | string[]>): Record<string, unknown> {
  const header = headers['x-docker-container-path-stat'];
  if (typeof header !== 'string') throw new Error('the engine sent no X-Docker-Container-Path-Stat');
  return JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as Record<string, unknown>;
}
