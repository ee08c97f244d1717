/** Tokens of a template action. Positions are offsets in the whole template. */
export interface Token {
  readonly kind: 'field' | 'variable' | 'word' | 'string' | 'number' | 'char' | 'punct' | 'end';
  readonly text: string;
  readonly at: number;
  /** Whether blanks stand before it: they separate arguments. */
  readonly spaced: boolean;
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly at: number };

/** What is wrong with a template; `at` is an offset in it. */
export class TemplateSyntaxError extends Error {
  override readonly name = 'TemplateSyntaxError';
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const TOKEN =
  /(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<number>[+-]?(?:0[xX][0-9a-fA-F_]+|\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+))|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?<char>'(?:[^'\\\n]|\\.)+')|(?<punct>:=|[.|(),=])/uy;

/** Splits a template into text and actions; `{{-` and `-}}` trim the text beside them. @throws {TemplateSyntaxError} */
export function lex(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  const text = (end: number, trimEnd: boolean) => {
    let part = source.slice(at, end);
    if (trimNext) part = part.trimStart();
    if (trimEnd) part = part.trimEnd();
    if (part !== '') pieces.push({ kind: 'text', text: part });
  };
  for (;;) {
    const open = source.indexOf('{{', at);
    if (open < 0) {
      text(source.length, false);
      return pieces;
    }
    const trimLeft = /^-\s/.test(source.slice(open + 2, open + 4));
    text(open, trimLeft);
    let inside = open + 2 + (trimLeft ? 2 : 0);
    const comment = /^\s*\/\*[^]*?\*\/(\s+-)?\s*\}\}/.exec(source.slice(inside));
    if (comment !== null) {
      trimNext = comment[1] !== undefined;
      at = inside + comment[0].length;
      continue;
    }
    const tokens: Token[] = [];
    for (;;) {
      const blanks = /^\s*/.exec(source.slice(inside))?.[0].length ?? 0;
      inside += blanks;
      const closing = /^(-?)\}\}/.exec(source.slice(inside));
      if (closing !== null && (closing[1] === '' || blanks > 0)) {
        tokens.push({ kind: 'end', text: '', at: inside, spaced: blanks > 0 });
        trimNext = closing[1] === '-';
        at = inside + closing[0].length;
        break;
      }
      if (inside >= source.length) throw new TemplateSyntaxError('unclosed action', open);
      TOKEN.lastIndex = inside;
      const match = TOKEN.exec(source);
      if (match === null) throw badToken(source, inside);
      const kind = Object.entries(match.groups ?? {}).find(([, v]) => v !== undefined)?.[0] as Token['kind'];
      tokens.push({ kind, text: match[0], at: inside, spaced: blanks > 0 });
      inside += match[0].length;
    }
    pieces.push({ kind: 'action', tokens, at: open });
  }
}

function badToken(source: string, at: number): TemplateSyntaxError {
  const c = String.fromCodePoint(source.codePointAt(at) ?? 0);
  if (c === '"') return new TemplateSyntaxError('unterminated quoted string', at);
  if (c === '`') return new TemplateSyntaxError('unterminated raw quoted string', at);
  if (c === "'") return new TemplateSyntaxError('unterminated character constant', at);
  if (c === '}') return new TemplateSyntaxError('unexpected "}" in operand', at);
  if (c === '“' || c === '”' || c === '‘' || c === '’') {
    return new TemplateSyntaxError(`unexpected ${c}: this quote was changed by a word processor, write " instead`, at);
  }
  const code = (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return new TemplateSyntaxError(`unrecognized character in action: U+${code} '${c}'`, at);
}
