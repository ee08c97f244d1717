import { containerCalls, execCalls } from './containers.ts';
import type { Client, ClientOptions } from './contract.ts';
import { emptyName } from './errors.ts';
import { filterText } from './filters.ts';
import { imageCalls } from './images.ts';
import { jsonObjects } from './json-stream.ts';
import { Transport } from './transport.ts';

/**
 * A client for one engine; connects at its first request.
 * @throws {WharfError} `INVALID_HOST`
 */
export function createClient(options: ClientOptions): Client {
  const http = new Transport(options);
  return {
    host: options.host,
    get proxies() {
      return options.proxies?.() ?? [];
    },
    ping: async () => {
      const { headers } = await http.ping();
      const text = (value: string | string[] | undefined) => (typeof value === 'string' ? value : '');
      return {
        apiVersion: text(headers['api-version']) || '1.24',
        server: text(headers.server),
        osType: text(headers.ostype),
      };
    },
    version: () => http.json('GET', '/version'),
    info: () => http.json('GET', '/info'),
    events: async function* ({ since, until, filters, signal }) {
      const query = { since, until, filters: filterText(filters) };
      yield* jsonObjects(await http.call('GET', '/events', { query, signal }));
    },
    containers: containerCalls(http),
    execs: execCalls(http),
    images: imageCalls(http),
    networks: networkCalls(http),
    volumes: volumeCalls(http),
    dial: () => http.dial(),
    request: (method, path, { query, body } = {}) => http.json(method, path, { query, json: body }),
  };
}

function networkCalls(http: Transport): Client['networks'] {
  const at = (name: string, rest = '') => {
    if (name.trim() === '') throw emptyName({ kind: 'network' });
    return `/networks/${encodeURIComponent(name)}${rest}`;
  };
  return {
    create: (request) => http.json('POST', '/networks/create', { json: request }),
    list: (filters) => http.json('GET', '/networks', { query: { filters: filterText(filters) } }),
    inspect: (name, options = {}) => http.json('GET', at(name), { query: { verbose: options.verbose } }),
    remove: (name) => http.done('DELETE', at(name)),
    connect: (name, container, endpoint) => {
      if (container.trim() === '') throw emptyName({ kind: 'container' });
      return http.done('POST', at(name, '/connect'), {
        json: { Container: container, ...(endpoint === undefined ? {} : { EndpointConfig: endpoint }) },
      });
    },
    disconnect: (name, container, force = false) =>
      http.done('POST', at(name, '/disconnect'), { json: { Container: container, Force: force } }),
    prune: (filters) => http.json('POST', '/networks/prune', { query: { filters: filterText(filters) } }),
  };
}

function volumeCalls(http: Transport): Client['volumes'] {
  const at = (name: string) => {
    if (name.trim() === '') throw emptyName({ kind: 'volume' });
    return `/volumes/${encodeURIComponent(name)}`;
  };
  return {
    create: (request) => http.json('POST', '/volumes/create', { json: request }),
    list: (filters) => http.json('GET', '/volumes', { query: { filters: filterText(filters) } }),
    inspect: (name) => http.json('GET', at(name)),
    remove: (name, force) => http.done('DELETE', at(name), { query: { force } }),
    prune: (filters) => http.json('POST', '/volumes/prune', { query: { filters: filterText(filters) } }),
  };
}
