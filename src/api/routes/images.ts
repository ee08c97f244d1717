import { configChanges } from '../../build/index.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { ImageRunConfig } from '../../core/oci.ts';
import { CONFIG } from '../decode/container-shapes.ts';
import type { Exchange } from '../http/exchange.ts';
import { created, ok, type Route, status } from '../http/route.ts';
import { imageInspectFor, imageSummaryFor } from '../versions.ts';

export const imageRoutes: readonly Route[] = [
  { method: 'GET', path: '/images/json', handle: list },
  { method: 'POST', path: '/images/prune', handle: prune },
  { method: 'GET', path: '/images/:name+/json', handle: inspect },
  { method: 'GET', path: '/images/:name+/history', handle: history },
  // Wharf's own: what each layer holds, and how two images differ.
  { method: 'GET', path: '/images/:name+/layers', handle: layers },
  { method: 'GET', path: '/images/:name+/diff', handle: diff },
  { method: 'POST', path: '/images/:name+/tag', handle: tag },
  { method: 'DELETE', path: '/images/:name+', handle: remove },
  { method: 'POST', path: '/commit', handle: commit },
];

async function list({ query, engine, version }: Exchange) {
  const filters = query.filters();
  // The oldest clients filter by a parameter of its own.
  const byName = query.text('filter');
  const found = await engine.images.list({
    all: query.flag('all'),
    sharedSize: query.flag('shared-size'),
    manifests: query.flag('manifests'),
    filters: byName === '' ? filters : { ...filters, reference: [...(filters['reference'] ?? []), byName] },
  });
  return ok(found.map((image) => imageSummaryFor(version, image)));
}

async function prune({ query, engine }: Exchange) {
  return ok(await engine.images.prune(query.filters()));
}

async function inspect(exchange: Exchange) {
  const { version, engine, request } = exchange;
  return ok(
    imageInspectFor(version, request.headers['user-agent'], await engine.images.inspect(exchange.param('name'))),
  );
}

async function layers(exchange: Exchange) {
  return ok(await exchange.engine.images.layers(exchange.param('name')));
}

async function diff(exchange: Exchange) {
  const other = exchange.query.text('against');
  if (other === '') throw invalidParameter({ message: 'against which image? Say ?against=IMAGE' });
  return ok(await exchange.engine.images.diff(exchange.param('name'), other));
}

async function history(exchange: Exchange) {
  return ok(await exchange.engine.images.history(exchange.param('name')));
}

async function tag(exchange: Exchange) {
  const { query, engine } = exchange;
  await engine.images.tag(exchange.param('name'), query.text('repo'), query.text('tag'));
  return status(201);
}

async function remove(exchange: Exchange) {
  const { query, engine } = exchange;
  return ok(
    await engine.images.remove(exchange.param('name'), {
      force: query.flag('force'),
      noPrune: query.flag('noprune'),
    }),
  );
}

async function commit(exchange: Exchange) {
  const { query, engine } = exchange;
  const config = await exchange.json<ImageRunConfig>(CONFIG);
  const container = query.text('container');
  if (container === '') throw invalidParameter({ message: 'invalid name or ID supplied: ""' });
  const id = await engine.images.commit({
    container,
    repository: query.text('repo'),
    tag: query.text('tag'),
    comment: query.text('comment'),
    author: query.text('author'),
    change: configChanges(query.all('changes')),
    pause: query.flag('pause', true),
    config,
  });
  return created({ Id: id });
}
