import { dockerfileError } from '../errors.ts';

export type EscapeCharacter = '\\' | '`';

/** What the comment lines at the very top of a Dockerfile decide. */
export interface Directives {
  readonly escape: EscapeCharacter;
  /** Reference of a frontend image; noted, not used. */
  readonly syntax: string | undefined;
  readonly check: string | undefined;
}

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const KNOWN = new Set(['syntax', 'escape', 'check']);

/**
 * Parser directives: the first line that is no known directive ends them, later ones are comments.
 * @throws {WharfError} `DOCKERFILE_PARSE_ERROR` at a directive given twice, or an escape that is neither `\` nor a backtick
 */
export function readDirectives(lines: readonly string[], file: string): Directives {
  const found = new Map<string, string>();
  for (const [i, text] of lines.entries()) {
    const at = { file, line: i + 1, column: 1 };
    const match = DIRECTIVE.exec(text.trimStart());
    const key = match?.[1]?.toLowerCase();
    const value = match?.[2];
    if (key === undefined || value === undefined || !KNOWN.has(key)) break;
    if (found.has(key)) {
      throw dockerfileError({ line: i + 1, message: `only one ${key} parser directive can be used` }, { at });
    }
    if (key === 'escape' && value !== '\\' && value !== '`') {
      const message = `invalid escape token '${value}' does not match \` or \\`;
      throw dockerfileError({ line: i + 1, message }, { at });
    }
    found.set(key, value);
  }
  return {
    escape: found.get('escape') === '`' ? '`' : '\\',
    syntax: found.get('syntax'),
    check: found.get('check'),
  };
}
