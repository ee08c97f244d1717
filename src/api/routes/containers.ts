import { invalidParameter, unsupported } from '../../core/errors.ts';
import type { ContainerCreateRequest, Resources, RestartPolicy } from '../../core/wire/container.ts';
import { containerInspectFor, containerSummaryFor, createRequestFor, createWarnings } from '../container-versions.ts';
import { CREATE_CONTAINER, UPDATE_CONTAINER } from '../decode/container-shapes.ts';
import { readSize } from '../decode/size.ts';
import { invalidJson } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { created, ok, type Route, status } from '../http/route.ts';
import { sendStream } from '../stream/send-stream.ts';

export const containerRoutes: readonly Route[] = [
  { method: 'GET', path: '/containers/json', handle: list },
  { method: 'POST', path: '/containers/create', handle: create },
  { method: 'POST', path: '/containers/prune', handle: prune },
  { method: 'GET', path: '/containers/:id/json', handle: inspect },
  { method: 'GET', path: '/containers/:id/top', handle: top },
  { method: 'GET', path: '/containers/:id/changes', handle: changes },
  { method: 'GET', path: '/containers/:id/export', handle: exportTar },
  { method: 'GET', path: '/containers/:id/checkpoints', handle: noCheckpoints },
  { method: 'POST', path: '/containers/:id/checkpoints', handle: noCheckpoints },
  { method: 'POST', path: '/containers/:id/start', handle: start },
  { method: 'POST', path: '/containers/:id/stop', handle: stop },
  { method: 'POST', path: '/containers/:id/restart', handle: restart },
  { method: 'POST', path: '/containers/:id/kill', handle: kill },
  { method: 'POST', path: '/containers/:id/pause', handle: pause },
  { method: 'POST', path: '/containers/:id/unpause', handle: unpause },
  { method: 'POST', path: '/containers/:id/rename', handle: rename },
  { method: 'POST', path: '/containers/:id/update', handle: update },
  { method: 'POST', path: '/containers/:id/resize', handle: resize },
  { method: 'DELETE', path: '/containers/:id', handle: remove },
];

async function list({ query, engine, version }: Exchange) {
  const limit = query.number('limit');
  const found = await engine.containers.list({
    all: query.flag('all'),
    size: query.flag('size'),
    filters: query.filters(),
    ...(limit === undefined || limit <= 0 ? {} : { limit }),
  });
  return ok(found.map((container) => containerSummaryFor(version, container)));
}

async function create(exchange: Exchange) {
  const { query, engine } = exchange;
  const body = await exchange.json<ContainerCreateRequest>(CREATE_CONTAINER);
  if (body === undefined && Number(exchange.request.headers['content-length'] ?? 0) === 0)
    throw invalidJson({ reason: 'got EOF while reading request body' });
  if (body === undefined || Object.keys(body).length === 0)
    throw invalidParameter({ message: 'config cannot be empty in order to create a container' });
  const request = createRequestFor(exchange.version, body);
  const { HostConfig: hostConfig = {}, NetworkingConfig: networking = {}, ...config } = request;
  const { Id, Warnings } = await engine.containers.create({
    name: query.text('name') || undefined,
    platform: query.text('platform') || undefined,
    config,
    hostConfig,
    networking,
  });
  return created({ Id, Warnings: [...Warnings, ...createWarnings(exchange.version, body)] });
}

async function prune({ query, engine }: Exchange) {
  return ok(await engine.containers.prune(query.filters()));
}

async function inspect(exchange: Exchange) {
  const { engine, query, version } = exchange;
  const found = await engine.containers.inspect(exchange.param('id'), { size: query.flag('size') });
  return ok(containerInspectFor(version, found));
}

async function top(exchange: Exchange) {
  return ok(await exchange.engine.containers.top(exchange.param('id'), exchange.query.text('ps_args') || '-ef'));
}

async function changes(exchange: Exchange) {
  const found = await exchange.engine.containers.changes(exchange.param('id'));
  return ok(found.length === 0 ? null : found);
}

async function exportTar(exchange: Exchange) {
  const tar = await exchange.engine.containers.export(exchange.param('id'));
  return sendStream(exchange, tar, { 'Content-Type': 'application/x-tar' });
}

function noCheckpoints(): never {
  throw unsupported({ message: 'checkpoints are not supported' });
}

async function start(exchange: Exchange) {
  const length = exchange.request.headers['content-length'];
  if (exchange.request.headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 7)
    throw invalidParameter({
      message: 'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    });
  return status((await exchange.engine.containers.start(exchange.param('id'))) ? 204 : 304);
}

/** `t` and `signal` of stop and restart; older clients do not know the signal. */
function stopOptions({ query, speaks }: { query: Exchange['query']; speaks: (version: string) => boolean }) {
  return {
    timeoutSeconds: query.number('t'),
    signal: speaks('1.42') ? query.text('signal') || undefined : undefined,
  };
}

async function stop(exchange: Exchange) {
  const options = stopOptions({ query: exchange.query, speaks: (v) => exchange.speaks(v) });
  return status((await exchange.engine.containers.stop(exchange.param('id'), options)) ? 204 : 304);
}

async function restart(exchange: Exchange) {
  const options = stopOptions({ query: exchange.query, speaks: (v) => exchange.speaks(v) });
  await exchange.engine.containers.restart(exchange.param('id'), options);
  return status(204);
}

async function kill(exchange: Exchange) {
  await exchange.engine.containers.kill(exchange.param('id'), exchange.query.text('signal') || 'SIGKILL');
  return status(204);
}

async function pause(exchange: Exchange) {
  await exchange.engine.containers.pause(exchange.param('id'));
  return status(204);
}

async function unpause(exchange: Exchange) {
  await exchange.engine.containers.unpause(exchange.param('id'));
  return status(204);
}

async function rename(exchange: Exchange) {
  await exchange.engine.containers.rename(exchange.param('id'), exchange.query.text('name'));
  return status(204);
}

async function update(exchange: Exchange) {
  const change = (await exchange.json<Resources & { RestartPolicy?: RestartPolicy }>(UPDATE_CONTAINER)) ?? {};
  return ok(await exchange.engine.containers.update(exchange.param('id'), change));
}

async function resize(exchange: Exchange) {
  await exchange.engine.containers.resize(exchange.param('id'), readSize(exchange.query));
  return status(200);
}

async function remove(exchange: Exchange) {
  const { query, engine } = exchange;
  await engine.containers.remove(exchange.param('id'), {
    force: query.flag('force'),
    volumes: query.flag('v'),
    link: query.flag('link'),
  });
  return status(204);
}
