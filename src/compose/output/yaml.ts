import { Document, Pair, parse, Scalar, YAMLMap } from 'yaml';

/** Words that are plain in every YAML, so that most of a file needs no closer look. */
const PLAIN = /^[A-Za-z/][A-Za-z0-9_/.@+]*(?:[-:=][A-Za-z0-9_/.@+]+)*$/;
/** What YAML 1.1 reads as something else although it is made of letters. */
const WORD = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

/**
 * YAML as go-yaml writes it: words that others would read as something else are double-quoted, the rest single-quoted.
 * Takes maps, lists, text, numbers, booleans and null.
 */
export function toYaml(value: unknown): string {
  const lines = block(value, '');
  return lines === undefined ? `${inline(value, '')}\n` : lines;
}

/** A map or list that is not empty, each entry on lines of its own. */
function block(value: unknown, indent: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  let out = '';
  if (Array.isArray(value)) {
    for (const item of value) {
      const inner = block(item, `${indent}  `);
      // The first entry stands on the line of the dash.
      out +=
        inner === undefined ? `${indent}- ${inline(item, indent)}\n` : `${indent}- ${inner.slice(indent.length + 2)}`;
    }
    return out === '' ? undefined : out;
  }
  for (const [key, item] of Object.entries(value)) {
    const inner = block(item, `${indent}  `);
    out += `${indent}${name(key)}:${inner === undefined ? ` ${inline(item, indent)}\n` : `\n${inner}`}`;
  }
  return out === '' ? undefined : out;
}

function inline(value: unknown, indent: string): string {
  if (typeof value === 'string') return text(value, indent);
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object' && value !== null) return '{}';
  return new Document(value).toString().trimEnd();
}

const quoted = new Map<string, string>();

/** A key: one line in every case. */
function name(key: string): string {
  if (PLAIN.test(key) && !WORD.test(key)) return key;
  const node = styled(key);
  if (key.includes('\n')) node.type = Scalar.QUOTE_DOUBLE;
  const map = new YAMLMap();
  map.items.push(new Pair(node, new Scalar(0)));
  const document = new Document(map, { schema: 'yaml-1.1' });
  return document.toString({ lineWidth: 0, singleQuote: true }).replace(/: 0\n$/, '');
}

function text(value: string, indent: string): string {
  if (PLAIN.test(value) && !WORD.test(value)) return value;
  let found = quoted.get(value);
  if (found === undefined) quoted.set(value, (found = scalar(value)));
  return found.includes('\n') ? found.replaceAll(/\n(?=[^\n])/g, `\n${indent}`) : found;
}

/** One text as the value of a key at the left margin: block style if it has several lines. */
function scalar(value: string): string {
  const document = new Document({ k: styled(value) }, { schema: 'yaml-1.1' });
  return document.toString({ lineWidth: 0, singleQuote: true }).replace(/^k: /, '').replace(/\n$/, '');
}

function styled(value: string): Scalar<string> {
  const node = new Scalar(value);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f\u007f\u0085\u2028\u2029\ufeff]/.test(value)) node.type = Scalar.QUOTE_DOUBLE;
  else if (!value.includes('\n') && isAmbiguous(value)) node.type = Scalar.QUOTE_DOUBLE;
  else if (value.startsWith("'")) node.type = Scalar.QUOTE_SINGLE;
  return node;
}

/** Whether the bare word would be read as a number, a boolean, nothing or a date. */
function isAmbiguous(value: string): boolean {
  if (value === '' || /^[yn]$/i.test(value) || /^[1-9]\d*$/.test(value)) return true;
  if (!/^[-+.\w~=<:]+[-+.\w:\sTZ]*$/.test(value)) return false;
  try {
    const read: unknown = parse(value, { version: '1.1' });
    return typeof read !== 'string' && (typeof read !== 'object' || read === null || read instanceof Date);
  } catch {
    return false;
  }
}
