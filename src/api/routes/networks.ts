import { invalidParameter } from '../../core/errors.ts';
import type { EndpointSettings, NetworkCreateRequest } from '../../core/wire/network.ts';
import { noSuchNetwork } from '../errors.ts';
import { CONNECT, CREATE_NETWORK, DISCONNECT } from '../decode/network-shapes.ts';
import type { Exchange } from '../http/exchange.ts';
import { created, ok, type Route, status } from '../http/route.ts';

export const networkRoutes: readonly Route[] = [
  { method: 'GET', path: '/networks', handle: list },
  { method: 'POST', path: '/networks/create', handle: create },
  { method: 'POST', path: '/networks/prune', handle: prune },
  { method: 'GET', path: '/networks/:id', handle: inspect },
  { method: 'DELETE', path: '/networks/:id', handle: remove },
  { method: 'POST', path: '/networks/:id/connect', handle: connect },
  { method: 'POST', path: '/networks/:id/disconnect', handle: disconnect },
];

async function list({ query, engine }: Exchange) {
  return ok(await engine.networks.list(query.filters()));
}

async function create(exchange: Exchange) {
  const body = await exchange.json<Partial<NetworkCreateRequest>>(CREATE_NETWORK);
  const request = { ...body, Name: body?.Name ?? '' };
  if (!exchange.speaks('1.48')) delete request.EnableIPv4;
  return created(await exchange.engine.networks.create(request));
}

async function prune({ query, engine }: Exchange) {
  return ok(await engine.networks.prune(query.filters()));
}

async function inspect(exchange: Exchange) {
  const verbose = exchange.query.flag('verbose');
  const scope = exchange.query.text('scope');
  // Networks of swarms have other scopes.
  if (scope !== '' && scope !== 'local') throw noSuchNetwork({ ref: exchange.param('id') });
  return ok(await exchange.engine.networks.inspect(exchange.param('id'), { verbose }));
}

async function remove(exchange: Exchange) {
  await exchange.engine.networks.remove(exchange.param('id'));
  return status(204);
}

async function connect(exchange: Exchange) {
  const body = await exchange.json<{ Container?: string; EndpointConfig?: EndpointSettings }>(CONNECT);
  const container = containerOf(body?.Container);
  await exchange.engine.networks.connect(exchange.param('id'), container, body?.EndpointConfig ?? {});
  return status(200);
}

async function disconnect(exchange: Exchange) {
  const body = await exchange.json<{ Container?: string; Force?: boolean }>(DISCONNECT);
  const container = containerOf(body?.Container);
  await exchange.engine.networks.disconnect(exchange.param('id'), container, body?.Force === true);
  return status(200);
}

function containerOf(name: string | undefined): string {
  if (name === undefined || name === '') throw invalidParameter({ message: 'invalid name or ID supplied: ""' });
  return name;
}
