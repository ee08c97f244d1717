import { invalidParameter } from '../../core/errors.ts';
import type { WaitCondition } from '../../core/wire/container.ts';
import type { Exchange } from '../http/exchange.ts';
import { jsonText } from '../http/respond.ts';
import type { Route } from '../http/route.ts';

export const waitRoutes: readonly Route[] = [{ method: 'POST', path: '/containers/:id/wait', handle: wait }];

/** Headers go out when the waiting has begun: clients start the container only then. */
async function wait(exchange: Exchange) {
  const { engine, response, signal } = exchange;
  const { done } = await engine.containers.wait(exchange.param('id'), condition(exchange), signal);
  response.statusCode = 200;
  response.setHeader('Content-Type', 'application/json');
  response.flushHeaders();
  // The engine's promise stays open for ever when the waiting is given up.
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<undefined>();
  const abandon = () => giveUp(undefined);
  signal.addEventListener('abort', abandon, { once: true });
  if (signal.aborted) abandon();
  const result = await Promise.race([done, givenUp]);
  signal.removeEventListener('abort', abandon);
  response.end(result === undefined ? undefined : jsonText(result));
  return undefined;
}

function condition(exchange: Exchange): WaitCondition {
  const text = exchange.query.text('condition');
  if (text === '' || !exchange.speaks('1.30')) return 'not-running';
  if (text === 'not-running' || text === 'next-exit') return text;
  // Before 1.34 the answer came when the container had ended, removed or not.
  if (text === 'removed') return exchange.speaks('1.34') ? 'removed' : 'next-exit';
  throw invalidParameter({ message: `invalid condition: "${text}"` });
}
