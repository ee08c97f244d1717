import type { Exchange } from '../http/exchange.ts';
import { ok, type Route } from '../http/route.ts';

export const systemRoutes: readonly Route[] = [
  { method: 'GET', path: '/_ping', handle: ping },
  { method: 'HEAD', path: '/_ping', handle: ping },
  { method: 'GET', path: '/info', handle: info },
  { method: 'GET', path: '/version', handle: async ({ engine }) => ok(await engine.system.version()) },
  { method: 'GET', path: '/system/df', handle: diskUsage },
  { method: 'GET', path: '/plugins', handle: () => ok([]) },
];

async function info(exchange: Exchange) {
  const { FirewallBackend, ...rest } = await exchange.engine.system.info();
  return ok(exchange.speaks('1.49') ? { ...rest, FirewallBackend } : rest);
}

function ping({ request, response }: Exchange) {
  const text = request.method === 'HEAD' ? '' : 'OK';
  response.setHeader('Builder-Version', '2');
  response.setHeader('Swarm', 'inactive');
  response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
  response.setHeader('Pragma', 'no-cache');
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
  return undefined;
}

async function diskUsage({ query, engine, builder }: Exchange) {
  const usage = await engine.system.diskUsage(query.all('type'));
  return ok(usage['BuildCache'] === null ? usage : { ...usage, BuildCache: await builder.usage() });
}
