/** Runs a task when one of `count` places is free. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** Lets at most `count` tasks run at a time; zero or less: any number. */
export function slots(count: number): Limit {
  if (count <= 0) return (work) => work();
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
