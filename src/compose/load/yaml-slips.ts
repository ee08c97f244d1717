import type { LineCounter, YAMLError } from 'yaml';
import type { Position } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { composeFileInvalid } from '../errors.ts';
import { EVERY_KEY } from './known-keys.ts';

/** A file whose YAML cannot be read, by lines. */
interface Broken {
  readonly file: string;
  readonly lines: readonly string[];
}

/** A YAML error in words that say what to write instead, at the place where to write it. */
export function syntaxError(error: YAMLError, text: string, file: string, counter: LineCounter): Error {
  const { line, col } = counter.linePos(error.pos[0]);
  const place = { file, line, column: col };
  const broken: Broken = { file, lines: text.split(/\r?\n/) };
  if (error.code === 'TAB_AS_INDENT') {
    return composeFileInvalid(
      { message: 'found a tab character used for indentation; YAML wants spaces' },
      { at: place, hint: 'replace each tab by two spaces' },
    );
  }
  return (
    missingSpace(broken, line) ??
    missingColon(broken, line) ??
    byCode(error, place, broken) ??
    composeFileInvalid({ message: `not valid YAML: ${firstLine(error.message)}` }, { at: place })
  );
}

function byCode(error: YAMLError, place: Position, broken: Broken): Error | undefined {
  switch (error.code) {
    case 'BAD_INDENT':
      return (error.message.startsWith('Flow') ? unclosed(broken) : undefined) ?? badIndent(broken, place.line);
    case 'BLOCK_AS_IMPLICIT_KEY':
      return nested(broken, place);
    case 'MISSING_CHAR':
    case 'BLOCK_IN_FLOW':
      return unclosed(broken);
    case 'MULTILINE_IMPLICIT_KEY': {
      const match = /^(\s*(?:- )?)([A-Za-z_][\w-]*)\s+(\S.*)$/.exec(broken.lines[place.line - 1] ?? '');
      if (!match) return undefined;
      const [, indent = '', key = '', rest = ''] = match;
      return composeFileInvalid(
        { message: `a colon is missing after "${key}"; expected "${key}: ${rest}"` },
        { at: { ...place, column: indent.length + key.length + 1 } },
      );
    }
    case 'BAD_SCALAR_START': {
      const value = (broken.lines[place.line - 1] ?? '').slice(place.column - 1).replace(/\s+#.*$/, '');
      return composeFileInvalid(
        { message: `a value cannot begin with ${value[0] ?? ''}` },
        { at: place, hint: `put it in quotes: "${value}"` },
      );
    }
    case 'UNEXPECTED_TOKEN':
      if (!error.message.includes('quoted-scalar')) return unclosed(broken);
      return composeFileInvalid(
        { message: 'unexpected quote after the end of a quoted string; expected the end of the line' },
        { at: place, hint: 'take away the quote that is too many' },
      );
    default:
      return undefined;
  }
}

/** `image:nginx`, `-"80:80"`: looks at the line of the error and the one above it. */
function missingSpace(broken: Broken, line: number): Error | undefined {
  for (const number of [line, line - 1]) {
    const text = broken.lines[number - 1] ?? '';
    const dash = /^(\s*)-(?=["'\w./])(?!-)(.*)$/.exec(text);
    if (dash) {
      const [, indent = '', rest = ''] = dash;
      return composeFileInvalid(
        { message: `a space is missing after the dash in "-${rest}"; expected "- ${rest}"` },
        { at: { file: broken.file, line: number, column: indent.length + 2 } },
      );
    }
    const match = /^(\s*(?:- )?)([A-Za-z_][\w-]*):(?=[^\s/])(.*)$/.exec(text);
    if (!match) continue;
    const [, indent = '', key = '', rest = ''] = match;
    const known = EVERY_KEY.has(key) ? key : nearest(key, EVERY_KEY);
    if (known === undefined) continue;
    return composeFileInvalid(
      { message: `a space is missing after the colon in "${key}:${rest.trim()}"; expected "${known}: ${rest.trim()}"` },
      { at: { file: broken.file, line: number, column: indent.length + key.length + 2 } },
    );
  }
  return undefined;
}

/** `volumes # optional` with a list below it. */
function missingColon(broken: Broken, line: number): Error | undefined {
  const match = /^(\s*)([A-Za-z_][\w-]*)\s*(#.*)?$/.exec(broken.lines[line - 1] ?? '');
  if (!match) return undefined;
  const [, indent = '', key = ''] = match;
  return composeFileInvalid(
    {
      message: `"${key}" is not followed by a colon; expected "${EVERY_KEY.has(key) ? key : (nearest(key, EVERY_KEY) ?? key)}:"`,
    },
    { at: { file: broken.file, line, column: indent.length + key.length + 1 } },
  );
}

/** A line that stands in no column of those above it. */
function badIndent(broken: Broken, line: number): Error {
  const width = indentOf(broken.lines[line - 1] ?? '');
  const columns: { readonly indent: number; readonly line: number; readonly word: string }[] = [];
  let limit = Number.POSITIVE_INFINITY;
  for (let i = line - 2; i >= 0 && limit > 0; i--) {
    const text = broken.lines[i] ?? '';
    const indent = indentOf(text);
    if (isBlank(text) || indent >= limit) continue;
    limit = indent;
    columns.push({ indent, line: i + 1, word: (/^\s*(-|[^\s:]+:?)/.exec(text)?.[1] ?? '').slice(0, 30) });
  }
  const choices = columns
    .filter(({ indent }) => Math.abs(indent - width) <= 4)
    .sort((a, b) => Math.abs(a.indent - width) - Math.abs(b.indent - width) || b.indent - a.indent)
    .slice(0, 2)
    .map((c) => `${c.indent}, as "${c.word}" in line ${c.line}`);
  return composeFileInvalid(
    {
      message: `this line is indented by ${spaces(width)}, which fits none of the lines above it; expected ${choices.join(', or ')}`,
    },
    { at: { file: broken.file, line, column: width + 1 } },
  );
}

/** `command: echo: hi`, or a line that is indented below a key that has a value already. */
function nested(broken: Broken, place: Position): Error | undefined {
  const text = broken.lines[place.line - 1] ?? '';
  const value = text.slice(place.column - 1).replace(/\s+#.*$/, '');
  const key = /^\s*(?:- )*([^\s:]+):/.exec(text)?.[1] ?? '';
  if (/:(\s|$)/.test(value)) {
    const end = value.endsWith(':') && !/:\s/.test(value);
    const hint = end
      ? `take away the colon at the end: ${key}: ${value.slice(0, -1)}`
      : `if the colon belongs to the value, put the value in quotes: ${key}: "${value}"`;
    return composeFileInvalid(
      { message: `"${value}" holds a colon, which begins a value of its own` },
      { at: place, hint },
    );
  }
  for (let i = place.line; i < broken.lines.length; i++) {
    const next = broken.lines[i] ?? '';
    if (isBlank(next)) continue;
    const wanted = text.search(/[^\s-]/);
    return composeFileInvalid(
      {
        message: `this line is indented as if it belonged to "${key}", which has the value "${value}" already; expected ${spaces(wanted)} before it, not ${indentOf(next)}`,
      },
      { at: { file: place.file, line: i + 1, column: indentOf(next) + 1 } },
    );
  }
  return undefined;
}

/** The quote or bracket that is never closed. */
function unclosed(broken: Broken): Error | undefined {
  const open: { readonly mark: string; readonly at: Position }[] = [];
  for (const [i, text] of broken.lines.entries()) {
    for (let j = 0; j < text.length; j++) {
      const mark = text[j] ?? '';
      const last = open.at(-1)?.mark;
      if (last === '"' || last === "'") {
        if (last === '"' && mark === '\\') j++;
        else if (mark === last) {
          if (last === "'" && text[j + 1] === "'") j++;
          else open.pop();
        }
        continue;
      }
      const begins = j === 0 || /[\s[{,]/.test(text[j - 1] ?? '');
      if (mark === '#' && begins) break;
      if ((mark === ']' || mark === '}') && last === (mark === ']' ? '[' : '{')) open.pop();
      else if (begins && ('"\''.includes(mark) || '[{'.includes(mark)))
        open.push({ mark, at: { file: broken.file, line: i + 1, column: j + 1 } });
    }
  }
  const first = open.at(-1);
  if (!first) return undefined;
  const { mark, at } = first;
  const closing = mark === '[' ? ']' : mark === '{' ? '}' : mark;
  return composeFileInvalid({ message: `this ${mark} is never closed; expected a ${closing} after it` }, { at });
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function isBlank(line: string): boolean {
  return /^\s*(#|$)/.test(line);
}

function spaces(count: number): string {
  return count === 1 ? '1 space' : `${count} spaces`;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '');
}
