import { setTimeout as wait } from 'node:timers/promises';

/** How long things that happen by themselves may take: a restart's pause, a machine that has much to do. */
const EVENTUALLY_MS = 15_000;

/** Asks again until nothing is wrong or time is up. */
export async function eventually(check: () => Promise<string | undefined>): Promise<string | undefined> {
  const end = Date.now() + EVENTUALLY_MS;
  for (;;) {
    const wrong = await check();
    if (wrong === undefined || Date.now() > end) return wrong;
    await wait(50);
  }
}
