import type { Position } from '../../core/errors.ts';

/** What is said at `base` and below it is said of `name` too, below what is said there itself. */
export function inherit(
  into: Map<string, Position[]>,
  name: string,
  from: ReadonlyMap<string, readonly Position[]>,
  base: string,
): void {
  for (const [path, places] of Array.from(from)) {
    if (!path.startsWith(`${base}.`)) continue;
    const own = `${name}${path.slice(base.length)}`;
    into.set(own, [...new Set([...places, ...(into.get(own) ?? [])])]);
  }
}
