import { invalidParameter } from '../../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../http/route.ts';

export const buildKitRoutes: readonly Route[] = [
  { method: 'POST', path: '/grpc', hijacks: true, handle: grpc },
  { method: 'POST', path: '/session', hijacks: true, handle: session },
];

/** The connection becomes HTTP/2 in which we serve gRPC. */
async function grpc(exchange: Exchange) {
  await exchange.builder.buildKit.serve(upgrade(exchange), exchange.signal);
  return undefined;
}

/** The connection becomes HTTP/2 in which the client serves gRPC. */
async function session(exchange: Exchange) {
  const { headers, headersDistinct } = exchange.request;
  const id = String(headers['x-docker-expose-session-uuid'] ?? '');
  const methods = headersDistinct['x-docker-expose-session-grpc-method'] ?? [];
  const { buildKit } = exchange.builder;
  buildKit.checkSession(id);
  const sharedKey = String(headers['x-docker-expose-session-sharedkey'] ?? '');
  await buildKit.openSession({ id, sharedKey, methods }, upgrade(exchange), exchange.signal);
  return undefined;
}

function upgrade({ request, hijack }: Exchange) {
  const protocol = request.headers.upgrade ?? '';
  if (!hijack.upgraded || protocol === '') throw invalidParameter({ message: 'no upgrade proto in request' });
  if (protocol !== 'h2c') throw invalidParameter({ message: `protocol ${protocol} not supported` });
  return hijack.take({ contentType: 'application/grpc', plainContentType: '', protocol });
}
