import type { IncomingMessage } from 'node:http';
import { messageOf } from '../../core/errors.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Exchange } from '../http/exchange.ts';
import { errorText, logUnexpected, originOf } from '../http/respond.ts';

type Work = (onMessage: (m: ProgressMessage) => void, signal: AbortSignal) => Promise<void>;

/**
 * Answers with a stream of JSON objects, each ended by CR LF. An error before the first object is an ordinary HTTP error;
 * later it is told in the stream. Nothing is sent before the request's body was read to its end: many HTTP/1.1 clients do not
 * listen while they send.
 */
export async function streamProgress(exchange: Exchange, work: Work, options: { readonly always200?: boolean } = {}) {
  const { request, response, signal } = exchange;
  let started = false;
  let held: string[] | undefined = [];
  const release = () => {
    if (held === undefined) return;
    const texts = held;
    held = undefined;
    for (const text of texts) response.write(text);
  };
  const write = (message: ProgressMessage) => {
    if (!started) {
      started = true;
      response.statusCode = 200;
      response.setHeader('Content-Type', 'application/json');
    }
    // `complete` counts what the parser has seen: a body that nobody has read is no reason to hold back.
    if (request.complete) release();
    const text = lineOf(message);
    if (held === undefined) response.write(text);
    else held.push(text);
  };
  if (!hasBody(request)) held = undefined;
  request.once('end', release);
  try {
    await work(write, signal);
  } catch (thrown) {
    if (signal.aborted) return void response.destroy();
    await readToEnd(exchange);
    if (!started && options.always200 !== true) throw thrown;
    logUnexpected(thrown, exchange.log);
    const message = errorText(originOf(thrown));
    write({ errorDetail: { ...codeOf(message), message }, error: message });
  }
  await readToEnd(exchange);
  if (!started) response.setHeader('Content-Type', 'application/json');
  release();
  response.end();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Go's encoder, which Docker streams with, escapes what could be HTML. */
function lineOf(message: ProgressMessage): string {
  const text = JSON.stringify(message);
  return `${text.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\r\n`;
}

/** The exit code of a failed RUN, which the CLI takes as its own. */
function codeOf(message: string): { code?: number } {
  const code = /returned a non-zero code: (\d+)/.exec(message)?.[1];
  return code === undefined ? {} : { code: Number(code) };
}

/** Lets the client send what it has begun to send. */
async function readToEnd({ request, log }: Exchange): Promise<void> {
  if (request.complete || request.destroyed) return;
  request.unpipe();
  request.resume();
  await new Promise<void>((resolve) => {
    request.once('end', resolve);
    request.once('close', resolve);
    request.once('error', (e) => {
      log.debug('the client stopped sending', { error: messageOf(e) });
      resolve();
    });
  });
}
