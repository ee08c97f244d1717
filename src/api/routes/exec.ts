import { frameHeader, STREAM } from '../../core/frames.ts';
import type { ExecCreateRequest, ExecStartRequest } from '../../core/wire/container.ts';
import { EXEC_CREATE, EXEC_START } from '../decode/container-shapes.ts';
import { readSize } from '../decode/size.ts';
import type { Exchange } from '../http/exchange.ts';
import { COMMON_HEADERS, errorText, logUnexpected, originOf } from '../http/respond.ts';
import { created, ok, type Route, status } from '../http/route.ts';
import { joinStreams } from '../stream/hijack.ts';
import { MULTIPLEXED, payloadType, RAW } from '../stream/media-types.ts';

export const execRoutes: readonly Route[] = [
  { method: 'POST', path: '/containers/:id/exec', handle: create },
  { method: 'POST', path: '/exec/:id/start', hijacks: true, handle: start },
  { method: 'POST', path: '/exec/:id/resize', handle: resize },
  { method: 'GET', path: '/exec/:id/json', handle: inspect },
];

async function create(exchange: Exchange) {
  const request = (await exchange.json<ExecCreateRequest>(EXEC_CREATE)) ?? {};
  return created(await exchange.engine.execs.create(exchange.param('id'), request));
}

async function start(exchange: Exchange) {
  const { engine, hijack } = exchange;
  const request = (await exchange.json<ExecStartRequest>(EXEC_START)) ?? {};
  const id = exchange.param('id');
  if (request.Detach === true) {
    await engine.execs.start(id, request);
    return status(200);
  }
  // An exec that does not exist is refused in HTTP; all else is told on the stream. The head goes out before the process
  // starts: docker-py loses output that arrives together with it.
  const { tty } = (await engine.execs.inspect(id)).ProcessConfig;
  const contentType = payloadType(tty, exchange.speaks('1.42') ? MULTIPLEXED : RAW);
  const connection = hijack.take({ contentType, plainContentType: RAW, headers: COMMON_HEADERS });
  try {
    const { stream } = await engine.execs.start(id, request);
    if (stream === null) connection.end();
    else await joinStreams(connection, stream);
  } catch (thrown) {
    logUnexpected(thrown, exchange.log);
    const text = Buffer.from(`${errorText(originOf(thrown))}\r\n`);
    connection.end(tty ? text : Buffer.concat([frameHeader(STREAM.stdout, text.length), text]));
  }
  return undefined;
}

async function resize(exchange: Exchange) {
  await exchange.engine.execs.resize(exchange.param('id'), readSize(exchange.query));
  return status(200);
}

async function inspect(exchange: Exchange) {
  return ok(await exchange.engine.execs.inspect(exchange.param('id')));
}
