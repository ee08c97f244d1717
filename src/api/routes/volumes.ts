import type { VolumeCreateRequest } from '../../core/wire/resources.ts';
import { CREATE_VOLUME } from '../decode/network-shapes.ts';
import type { Exchange } from '../http/exchange.ts';
import { created, ok, type Route, status } from '../http/route.ts';

export const volumeRoutes: readonly Route[] = [
  { method: 'GET', path: '/volumes', handle: list },
  { method: 'POST', path: '/volumes/create', handle: create },
  { method: 'POST', path: '/volumes/prune', handle: prune },
  { method: 'GET', path: '/volumes/:name', handle: inspect },
  { method: 'DELETE', path: '/volumes/:name', handle: remove },
];

async function list({ query, engine }: Exchange) {
  return ok(await engine.volumes.list(query.filters()));
}

async function create(exchange: Exchange) {
  const request = (await exchange.json<VolumeCreateRequest>(CREATE_VOLUME)) ?? {};
  return created(await exchange.engine.volumes.create(request));
}

/** Before 1.42 there was no choice: all unused volumes went. */
async function prune(exchange: Exchange) {
  const filters = exchange.query.filters();
  return ok(await exchange.engine.volumes.prune(exchange.speaks('1.42') ? filters : { ...filters, all: ['true'] }));
}

async function inspect(exchange: Exchange) {
  return ok(await exchange.engine.volumes.inspect(exchange.param('name')));
}

async function remove(exchange: Exchange) {
  await exchange.engine.volumes.remove(exchange.param('name'), exchange.query.flag('force'));
  return status(204);
}
