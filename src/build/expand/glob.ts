/** A pattern of `${x#pattern}` that cannot be. */
export class InvalidPattern extends Error {}

/** Any one character. */
const ANY = Symbol('?');
/** Characters in a row: what stands between two stars. */
type Segment = readonly (string | typeof ANY)[];

/**
 * A shell pattern with `*`, `?` and backslash, cut at its stars. No brackets.
 * @throws {InvalidPattern} at a backslash before what needs none
 */
function cut(pattern: string): Segment[] {
  const segments: (string | typeof ANY)[][] = [[]];
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i] ?? '';
    if (c === '*') segments.push([]);
    else if (c === '?') segments.at(-1)?.push(ANY);
    else if (c === '\\') {
      const escaped = characters[++i] ?? '';
      if (!'*?\\}/'.includes(escaped) || escaped === '') throw new InvalidPattern(`invalid escape '\\${escaped}'`);
      segments.at(-1)?.push(escaped);
    } else segments.at(-1)?.push(c);
  }
  return segments;
}

/**
 * Where a match that begins at `start` ends. Each segment goes to the first place that is left for it, so this takes no longer than
 * looking through the text once, however many stars there are.
 */
function matchAt(text: readonly string[], start: number, segments: readonly Segment[], longest: boolean) {
  const [first = [], ...others] = segments;
  if (!stands(text, start, first)) return undefined;
  let end = start + first.length;
  for (const [i, segment] of others.entries()) {
    let at = end;
    if (longest && i === others.length - 1) {
      at = text.length - segment.length;
      while (at > end && !stands(text, at, segment)) at--;
    } else while (at < text.length && !stands(text, at, segment)) at++;
    if (at < end || !stands(text, at, segment)) return undefined;
    end = at + segment.length;
  }
  return end;
}

function stands(text: readonly string[], at: number, segment: Segment): boolean {
  return at + segment.length <= text.length && segment.every((c, i) => c === ANY || c === text[at + i]);
}

/** `value` without its shortest or longest beginning that matches. @throws {InvalidPattern} */
export function dropPrefix(value: string, pattern: string, longest: boolean): string {
  const text = Array.from(value);
  const end = matchAt(text, 0, cut(pattern), longest);
  return text.slice(end ?? 0).join('');
}

/** `value` without its shortest or longest end that matches. @throws {InvalidPattern} */
export function dropSuffix(value: string, pattern: string, longest: boolean): string {
  const text = Array.from(value).toReversed();
  const segments = cut(pattern).map((segment) => segment.toReversed());
  const end = matchAt(text, 0, segments.toReversed(), longest);
  return text
    .slice(end ?? 0)
    .toReversed()
    .join('');
}

/**
 * `value` with the first match, or all matches, replaced; each as long as can be. An empty pattern matches nothing.
 * @throws {InvalidPattern}
 */
export function replaceMatches(value: string, pattern: string, replacement: string, all: boolean): string {
  const segments = cut(pattern);
  if (pattern === '') return value;
  const text = Array.from(value);
  let out = '';
  let at = 0;
  while (at < text.length) {
    if (!stands(text, at, segments[0] ?? [])) {
      out += text[at++] ?? '';
      continue;
    }
    const end = matchAt(text, at, segments, true);
    // What is not found after this place is not found after a later one.
    if (end === undefined || end === at) break;
    out += replacement;
    at = end;
    if (!all) break;
  }
  return out + text.slice(at).join('');
}
