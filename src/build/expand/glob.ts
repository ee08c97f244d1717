/** A shell glob with `*`, `?` and backslash, as used in `${x#pattern}`: the text of a regular expression. */
function globToRegExp(pattern: string): string {
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c === '*') out += '[\\s\\S]*';
    else if (c === '?') out += '[\\s\\S]';
    else if (c === '\\' && i + 1 < pattern.length) out += literal(pattern[++i] ?? '');
    else out += literal(c);
  }
  return out;
}

/** `value` without its shortest or longest beginning that matches. */
export function dropPrefix(value: string, pattern: string, longest: boolean): string {
  const whole = new RegExp(`^${globToRegExp(pattern)}$`);
  const lengths = Array.from({ length: value.length + 1 }, (_, i) => (longest ? value.length - i : i));
  const hit = lengths.find((n) => whole.test(value.slice(0, n)));
  return hit === undefined ? value : value.slice(hit);
}

/** `value` without its shortest or longest end that matches. */
export function dropSuffix(value: string, pattern: string, longest: boolean): string {
  const whole = new RegExp(`^${globToRegExp(pattern)}$`);
  const starts = Array.from({ length: value.length + 1 }, (_, i) => (longest ? i : value.length - i));
  const hit = starts.find((n) => whole.test(value.slice(n)));
  return hit === undefined ? value : value.slice(0, hit);
}

/** `value` with the first match, or all matches, replaced. An empty pattern matches nothing. */
export function replaceMatches(value: string, pattern: string, replacement: string, all: boolean): string {
  if (pattern === '') return value;
  return value.replace(new RegExp(globToRegExp(pattern), all ? 'g' : ''), () => replacement);
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
