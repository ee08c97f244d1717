import { Duplex, Transform } from 'node:stream';
import { invalidParameter } from '../../core/errors.ts';
import { FrameParser } from '../../core/frames.ts';
import type { Exchange } from '../http/exchange.ts';
import { errorText, logUnexpected, originOf, statusOf } from '../http/respond.ts';
import type { Route } from '../http/route.ts';
import { joinStreams } from '../stream/hijack.ts';
import { MULTIPLEXED, payloadType, RAW } from '../stream/media-types.ts';
import { websocketHead, websocketStream } from '../stream/websocket.ts';

export const attachRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/:id/attach', hijacks: true, handle: attach },
  { method: 'GET', path: '/containers/:id/attach/ws', hijacks: true, handle: attachWebsocket },
];

async function attach(exchange: Exchange) {
  const { query, engine, hijack, log } = exchange;
  await hijack.skipBody();
  const opened = await engine.containers
    .attach(exchange.param('id'), {
      stdin: query.flag('stdin'),
      stdout: query.flag('stdout'),
      stderr: query.flag('stderr'),
      logs: query.flag('logs'),
      stream: query.flag('stream'),
      detachKeys: query.text('detachKeys') || undefined,
    })
    .catch((thrown: unknown) => {
      logUnexpected(thrown, log);
      const error = originOf(thrown);
      hijack.refuse(statusOf(error), errorText(error));
      return undefined;
    });
  if (opened === undefined) return undefined;
  if (exchange.request.socket.destroyed) {
    opened.stream.destroy();
    return undefined;
  }
  const contentType = payloadType(opened.tty, exchange.speaks('1.42') ? MULTIPLEXED : RAW);
  await joinStreams(hijack.take({ contentType, plainContentType: RAW }), opened.stream);
  return undefined;
}

/** Messages hold the bare output, never frames; before 1.42 which streams were asked for did not count. */
async function attachWebsocket(exchange: Exchange) {
  const { query, engine, hijack, request } = exchange;
  const head = websocketHead(request.headers);
  if (head === undefined)
    throw invalidParameter({ message: 'websocket: the client is not using the websocket protocol' });
  const all = !exchange.speaks('1.42');
  const { tty, stream } = await engine.containers.attach(exchange.param('id'), {
    stdin: all || query.flag('stdin'),
    stdout: all || query.flag('stdout'),
    stderr: all || query.flag('stderr'),
    logs: query.flag('logs'),
    stream: query.flag('stream'),
    detachKeys: query.text('detachKeys') || undefined,
  });
  if (request.socket.destroyed) {
    stream.destroy();
    return undefined;
  }
  const socket = hijack.seize();
  socket.write(head);
  await joinStreams(websocketStream(socket, !exchange.speaks('1.28')), tty ? stream : withoutFrames(stream));
  return undefined;
}

/** Standard output and error as one, without saying which is which. */
function withoutFrames(framed: Duplex): Duplex {
  const parser = new FrameParser();
  const bare = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const { payload } of parser.push(chunk)) this.push(payload);
      done();
    },
  });
  framed.on('error', () => bare.destroy());
  framed.on('close', () => {
    if (!framed.readableEnded) bare.destroy();
  });
  bare.on('error', () => undefined);
  return Duplex.from({ readable: framed.pipe(bare), writable: framed });
}
