import { invalidParameter } from '../../core/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../http/route.ts';
import { MULTIPLEXED, payloadType, RAW } from '../stream/media-types.ts';
import { sendStream } from '../stream/send-stream.ts';

export const logRoutes: readonly Route[] = [{ method: 'GET', path: '/containers/:id/logs', handle: logs }];

async function logs(exchange: Exchange) {
  const { query, engine, signal } = exchange;
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr) throw invalidParameter({ message: 'Bad parameters: you must choose at least one stream' });
  const tail = /^\d+$/.test(query.text('tail')) ? Number(query.text('tail')) : undefined;
  const options = {
    stdout,
    stderr,
    sinceNanos: query.time('since'),
    untilNanos: query.time('until'),
    tail,
    follow: query.flag('follow'),
    timestamps: query.flag('timestamps'),
    details: query.flag('details'),
  };
  const { tty, stream } = await engine.containers.logs(exchange.param('id'), options, signal);
  return sendStream(exchange, stream, {
    'Content-Type': payloadType(tty, exchange.speaks('1.42') ? MULTIPLEXED : RAW),
  });
}
