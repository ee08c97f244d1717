/** Deeper would only try JSON.parse. */
const DEEPEST = 6;

/**
 * Valid JSON as the bytes say: what a fuzzer changes in them changes a value, a key or the shape, never the syntax, which no
 * feedback would lead it through (JSON.parse is not JavaScript).
 */
export function madeJson(bytes: Buffer, words: readonly string[]): string {
  let at = 0;
  const next = () => bytes[at++] ?? 0;
  const word = () => words[next() % words.length] ?? '';
  const value = (depth: number): unknown => {
    const kind = next();
    if (kind < 80 && depth < DEEPEST) {
      return Object.fromEntries(Array.from({ length: kind % 8 }, () => [word(), value(depth + 1)]));
    }
    if (kind < 120 && depth < DEEPEST) return Array.from({ length: kind % 4 }, () => value(depth + 1));
    if (kind < 220) return word();
    return [null, true, false, 0, 2, -1, 1e300, 0.5, ''][kind % 9];
  };
  return JSON.stringify(value(0));
}
