import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiOptions, ApiServer, ListenOptions } from './contract.ts';
import { pageNotFound, shuttingDown } from './errors.ts';
import { Exchange } from './http/exchange.ts';
import { refuseForeignPage } from './http/foreign-page.ts';
import { type Bound, listenOn, splitAddress } from './http/listen.ts';
import { COMMON_HEADERS, send, sendError } from './http/respond.ts';
import { createRoutes } from './http/router.ts';
import { checkVersion, splitVersion } from './http/version.ts';
import { routes as allRoutes } from './routes/index.ts';
import type { Hijacker } from './stream/hijack.ts';
import { plainHijacker } from './stream/plain-hijack.ts';
import { upgradeHijacker } from './stream/upgrade-hijack.ts';

/** An option of net.Server that the types of https leave out: a client may end its half of a TLS connection first. */
const HALF_OPEN = { allowHalfOpen: true };

/** The Engine API on an engine and a builder. Listens nowhere yet. */
export function createApi(options: ApiOptions): ApiServer {
  const { onConnection } = options;
  const log = options.log.child({ part: 'api' });
  const parts = { engine: options.engine, builder: options.builder, log };
  const routes = createRoutes(allRoutes);
  const bound = new Set<Bound>();
  const connections = new Set<Socket>();
  /** Cuts what still runs at the end of a graceful close. */
  const cut = new AbortController();
  const running = new Set<IncomingMessage>();
  const onIdle: (() => void)[] = [];
  let closing = false;
  let closed: Promise<void> | undefined;

  function lookUp(request: IncomingMessage) {
    const url = request.url ?? '/';
    const at = url.indexOf('?');
    const { version, path } = splitVersion(at < 0 ? url : url.slice(0, at));
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    return { version, path, query, found: routes.find(request.method ?? 'GET', path) };
  }

  async function answer(request: IncomingMessage, response: ServerResponse, hijack: Hijacker): Promise<void> {
    const began = performance.now();
    const gone = new AbortController();
    const left = () => gone.abort();
    const { socket } = request;
    // Half-closed counts as gone, as with Docker: who still waits for a short answer gets it, long waiting is over.
    if (!hijack.upgraded) socket.once('end', left);
    socket.once('close', left);
    running.add(request);
    try {
      if (closing) throw shuttingDown({});
      refuseForeignPage(request);
      const { version, query, found } = lookUp(request);
      if (request.method === 'OPTIONS') return send(response, { status: 200 });
      if (found === undefined) throw pageNotFound({});
      for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
      checkVersion(version);
      const signal = AbortSignal.any([gone.signal, cut.signal]);
      const { route, params } = found;
      const exchange = new Exchange(parts, { request, response, params, query, version, signal, hijack });
      const result = await route.handle(exchange);
      if (result !== undefined) send(response, result);
    } catch (e) {
      if (gone.signal.aborted) response.destroy();
      sendError(response, e, log);
    } finally {
      socket.removeListener('end', left);
      socket.removeListener('close', left);
      running.delete(request);
      if (running.size === 0) for (const resolve of onIdle.splice(0)) resolve();
      const ms = Math.round((performance.now() - began) * 10) / 10;
      log.debug('request', { method: request.method, url: request.url, status: response.statusCode, ms });
    }
  }

  function newServer(tls: ListenOptions['tls']): Server {
    const options = {
      // Requests may stream for days; a client that sends its headers slowly is still cut.
      requestTimeout: 0,
      keepAliveTimeout: 60_000,
      shouldUpgradeCallback: (request: IncomingMessage) => lookUp(request).found?.route.hijacks === true,
    };
    const server: Server =
      tls === undefined
        ? createServer(options)
        : createTlsServer({
            ...options,
            ...tls,
            ...HALF_OPEN,
            requestCert: tls.ca !== undefined,
            minVersion: 'TLSv1.2',
          });
    // A client may close its writing half and still wait for the answer (`nc`, hijacked streams).
    Object.assign(server, { httpAllowHalfOpen: true });
    server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      onConnection?.();
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
      socket.on('error', () => undefined);
    });
    server.on('request', (request, response) => void answer(request, response, plainHijacker(request, response)));
    server.on('upgrade', (request, duplex, head) => {
      const socket = duplex as Socket;
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.once('finish', () => {
        response.detachSocket(socket);
        socket.end();
      });
      void answer(request, response, upgradeHijacker(request, response, socket, head));
    });
    return server;
  }

  async function close(graceMs: number): Promise<void> {
    closing = true;
    closed ??= Promise.all([...bound].map((b) => b.close())).then(() => undefined);
    for (const b of bound) b.server.closeIdleConnections();
    if (running.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      onIdle.push(resolve);
      // setTimeout takes at most 2^31 - 1 ms.
      const timer = setTimeout(resolve, Math.min(graceMs, 2 ** 31 - 1));
      await promise;
      clearTimeout(timer);
    }
    for (const { method, url } of running) log.debug('cutting a request', { method, url });
    cut.abort();
    // An earlier call with more patience ends with this one.
    for (const resolve of onIdle.splice(0)) resolve();
    // What was cut gets one turn to say its last words.
    await sleep(0);
    for (const b of bound) b.server.closeIdleConnections();
    for (const socket of connections) socket.destroySoon();
    await sleep(0);
    for (const socket of connections) socket.destroy();
    await closed;
  }

  return {
    async listen(address, options = {}) {
      const addresses: string[] = [];
      for (const each of splitAddress(address)) {
        const tls = each.startsWith('tcp:') ? options.tls : undefined;
        const one = await listenOn(newServer(tls), each, { ...options, tls, log });
        bound.add(one);
        addresses.push(one.address);
      }
      return addresses.join(', ');
    },
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}
