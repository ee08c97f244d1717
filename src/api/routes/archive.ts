import { invalidParameter } from '../../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { type Route, status } from '../http/route.ts';
import { sendStream } from '../stream/send-stream.ts';

export const archiveRoutes: readonly Route[] = [
  { method: 'HEAD', path: '/containers/:id/archive', handle: stat },
  { method: 'GET', path: '/containers/:id/archive', handle: get },
  { method: 'PUT', path: '/containers/:id/archive', handle: put },
];

async function stat(exchange: Exchange) {
  const found = await exchange.engine.containers.archiveStat(exchange.param('id'), path(exchange));
  return { status: 200, headers: statHeader(found) };
}

async function get(exchange: Exchange) {
  const found = await exchange.engine.containers.archiveGet(exchange.param('id'), path(exchange));
  return sendStream(exchange, found.tar, { ...statHeader(found.stat), 'Content-Type': 'application/x-tar' });
}

async function put(exchange: Exchange) {
  const { query, engine, request } = exchange;
  await engine.containers.archivePut(exchange.param('id'), path(exchange), request, {
    noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
    copyUidGid: query.flag('copyUIDGID'),
  });
  return status(200);
}

function path({ query }: Exchange): string {
  const text = query.text('path');
  if (text === '') throw invalidParameter({ message: 'bad parameter: path cannot be empty' });
  return text;
}

function statHeader(stat: Record<string, unknown>): Record<string, string> {
  return { 'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64') };
}
