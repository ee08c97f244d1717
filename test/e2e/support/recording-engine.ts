import { createServer } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

/** A request that an engine was sent, as far as it means something: zero values are left out, and the API's version. */
export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly body: unknown;
}

/** Answers clients like an engine that has nothing and grants everything, and keeps what it was asked. */
export async function startRecordingEngine(socket: string) {
  const requests: Recorded[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      const url = new URL(request.url ?? '/', 'http://engine');
      const path = url.pathname.replace(/^\/v[\d.]+(?=\/)/, '');
      response.setHeader('Api-Version', '1.50').setHeader('Ostype', 'linux').setHeader('Server', 'Docker/28');
      if (path === '/_ping') {
        response.end('OK');
        return;
      }
      requests.push({
        method: request.method ?? '',
        path: path.replace('docker.io/library/', ''),
        query: [...url.searchParams]
          .map(meaning)
          .filter((pair) => pair !== undefined)
          .toSorted(byText),
        body: withoutZeros(parsed(bytes.toString('utf8'))),
      });
      const [status, answer] = answerTo(request.method ?? '', path);
      response.statusCode = status;
      if (answer === undefined) response.end();
      else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
    });
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    host: `unix://${socket}`,
    /** What was asked since the last call. */
    taken: () => requests.splice(0),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function byText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1;
}

function answerTo(method: string, path: string): [number, unknown] {
  if (path === '/containers/create') return [201, { Id: 'a'.repeat(64), Warnings: [] }];
  if (path.endsWith('/exec')) return [201, { Id: 'e'.repeat(64) }];
  if (path === '/networks/create') return [201, { Id: 'b'.repeat(64), Warning: '' }];
  if (path === '/volumes/create') return [201, { Name: 'v', Driver: 'local', Scope: 'local' }];
  if (path === '/commit') return [201, { Id: `sha256:${'c'.repeat(64)}` }];
  if (path.endsWith('/update')) return [200, { Warnings: [] }];
  if (path.endsWith('/prune')) return [200, { SpaceReclaimed: 0 }];
  if (path === '/volumes') return [200, { Volumes: [], Warnings: [] }];
  if (path === '/images/create') return [200, { status: 'ok' }];
  if (/^\/(containers\/json|images\/json|networks)$/.test(path)) return [200, []];
  if (method === 'DELETE' && path.startsWith('/images')) return [200, []];
  if (method === 'GET' && path.endsWith('/json')) return [200, { Id: 'a'.repeat(64), Config: {}, State: {} }];
  return [204, undefined];
}

function meaning([key, value]: [string, string]): readonly [string, string] | undefined {
  if (/^(|0|false|\{\}|null|\[\])$/.test(value) || key === 'digests' || key === 'pause') return undefined;
  if (key === 'filters') return [key, JSON.stringify(sorted(parsed(value)))];
  if (key === 'since' || key === 'until') return [key, value.replace(/\.\d+$/, '')];
  return [key, value.replace('docker.io/library/', '')];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text === '' ? undefined : text;
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([k, v]) => [k, sorted(v)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The engine takes a field that is missing for its zero value; which of the two is sent is each client's own affair. */
function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, v]) => [key, key === 'Env' && Array.isArray(v) ? v.toSorted(byText) : withoutZeros(v)] as const)
    .filter(([key, v]) => !isZero(v) && !OWN_AFFAIR.some(([k, zero]) => k === key && zero === JSON.stringify(v)));
  return Object.fromEntries(entries);
}

function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === '' || value === 0 || value === false;
}

const OWN_AFFAIR = [
  ['ConsoleSize', '[0,0]'],
  ['MemorySwappiness', '-1'],
  ['CheckDuplicate', 'true'],
  ['Detach', 'true'],
] as const;
