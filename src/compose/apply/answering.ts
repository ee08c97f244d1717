import type { Client } from '../../client/index.ts';
import { composeFailed } from '../errors.ts';

/** How often the engine is asked whether it is there, and how long it may take, in milliseconds. */
const EVERY_MS = 5_000;
const LIMIT_MS = 10_000;
/** One answer may be late on a busy machine. */
const MISSED = 2;

/**
 * Waits for `work`, and meanwhile asks the engine for a sign of life: requests have no time limit of their own, as what they
 * do may take long. What work itself waits for is left behind.
 * @param connected the client, as soon as there is one
 * @throws {WharfError} `COMPOSE_FAILED` if the engine does not answer any more
 */
export async function whileAnswering<T>(connected: () => Client | undefined, work: Promise<T>): Promise<T> {
  const silent = Promise.withResolvers<never>();
  let missed = 0;
  let asking = false;
  const ask = async (): Promise<void> => {
    const client = connected();
    if (!client || asking) return;
    asking = true;
    missed = (await answers(client)) ? 0 : missed + 1;
    asking = false;
    if (missed >= MISSED)
      silent.reject(
        composeFailed(
          { message: `the engine at ${client.host} stopped answering` },
          { hint: 'what was begun is seen by the next up or down; "wharf doctor" says more about the engine' },
        ),
      );
  };
  const timer = setInterval(() => void ask(), EVERY_MS);
  timer.unref();
  try {
    return await Promise.race([work, silent.promise]);
  } finally {
    clearInterval(timer);
  }
}

async function answers(client: Client): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), LIMIT_MS);
  try {
    // Any answer is a sign of life, an error too; one that is gone altogether fails the work itself.
    const answer = client.ping().then(
      () => true,
      () => true,
    );
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
