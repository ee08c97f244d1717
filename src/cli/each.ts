import type { CommandContext } from './command.ts';
import { errorText } from './errors.ts';
import { suggestionFor } from './suggest.ts';

const AT_ONCE = 50;

/**
 * Does `act` for every name, many at once; prints each name (or what `act` returned) as it succeeds, in the order given,
 * and all failures afterwards.
 * @returns the exit code: 1 if any failed
 */
export async function forEach(
  names: readonly string[],
  context: CommandContext,
  act: (name: string) => Promise<string | void>,
): Promise<number> {
  const running: Promise<string | void>[] = [];
  const slots: Promise<unknown>[] = [];
  const start = (name: string, i: number) => {
    const before = slots[i - AT_ONCE] ?? Promise.resolve();
    const result = before.then(() => act(name));
    slots.push(result.catch(() => undefined));
    running.push(result);
    result.catch(() => undefined);
  };
  names.forEach(start);
  const failures: string[] = [];
  for (const [i, result] of running.entries()) {
    try {
      await context.print(`${(await result) ?? names[i] ?? ''}\n`);
    } catch (e) {
      failures.push(errorText(e));
      const near = await suggestionFor(e, context);
      if (near !== undefined) failures.push(near);
    }
  }
  for (const text of failures) context.warn(text);
  return failures.length === 0 ? 0 : 1;
}
