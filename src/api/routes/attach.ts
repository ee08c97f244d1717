import { unsupported } from '../../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { errorText, logUnexpected, originOf, statusOf } from '../http/respond.ts';
import type { Route } from '../http/route.ts';
import { joinStreams } from '../stream/hijack.ts';
import { MULTIPLEXED, payloadType, RAW } from '../stream/media-types.ts';

export const attachRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/:id/attach', hijacks: true, handle: attach },
  { method: 'GET', path: '/containers/:id/attach/ws', handle: noWebsocket },
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

function noWebsocket(): never {
  throw unsupported({ message: 'attaching by websocket is not supported yet; use POST /containers/{id}/attach' });
}
