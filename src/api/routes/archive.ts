import { pipeline, type Transform } from 'node:stream';
import { constants, createDeflate, createGzip } from 'node:zlib';
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
  const headers = { ...statHeader(found.stat), 'Content-Type': 'application/x-tar' };
  const compressor = compressorFor(exchange.request.headers['accept-encoding']);
  if (compressor === undefined) return sendStream(exchange, found.tar, headers);
  const { encoding, transform } = compressor;
  // A client that leaves early ends both.
  pipeline(found.tar, transform, () => undefined);
  return sendStream(exchange, transform, { ...headers, 'Content-Encoding': encoding });
}

/** As the client likes it; plain unless it asks for gzip or deflate. */
function compressorFor(accepted: string | undefined): { encoding: string; transform: Transform } | undefined {
  for (const part of (accepted ?? '').split(',')) {
    const [encoding = '', quality = ''] = part.trim().split(/\s*;\s*/);
    if (/^q=0(\.0*)?$/.test(quality)) continue;
    if (encoding === 'gzip') return { encoding, transform: createGzip({ level: constants.Z_BEST_SPEED }) };
    if (encoding === 'deflate') return { encoding, transform: createDeflate({ level: constants.Z_BEST_SPEED }) };
    if (encoding === 'identity') return undefined;
  }
  return undefined;
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
