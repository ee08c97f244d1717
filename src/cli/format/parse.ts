import { lex, TemplateSyntaxError, type Piece, type Token } from './lex.ts';

/** A value in an action. `names` are fields taken from it; `text` and `at` are for messages. */
export type Operand = { readonly names: readonly string[]; readonly text: string; readonly at: number } & (
  | { readonly kind: 'dot' }
  | { readonly kind: 'nil' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }
);
export interface Pipe {
  readonly declared: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined };
export interface Template {
  readonly source: string;
  readonly body: readonly Node[];
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

/**
 * Reads a template in Go's text/template language.
 * @param functions names that may be called
 * @throws {TemplateSyntaxError}
 */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  const parser = new Parser(lex(source), functions, source);
  const { nodes } = parser.list([]);
  return { source, body: nodes, defined: parser.defined };
}

type Ending = 'end' | 'else' | 'eof';

class Parser {
  readonly defined = new Map<string, readonly Node[]>();
  readonly #pieces: readonly Piece[];
  readonly #functions: ReadonlySet<string>;
  readonly #source: string;
  #next = 0;
  #tokens: readonly Token[] = [];
  #at = 0;
  #variables: string[] = ['$'];
  #loops = 0;

  constructor(pieces: readonly Piece[], functions: ReadonlySet<string>, source: string) {
    this.#pieces = pieces;
    this.#functions = functions;
    this.#source = source;
  }

  /** Nodes up to one of `endings`; the end of the template is fine if none is asked for. */
  list(endings: readonly Ending[]): { nodes: Node[]; ending: Ending } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) {
        if (endings.length > 0) throw new TemplateSyntaxError('unexpected EOF', this.#source.length);
        return { nodes, ending: 'eof' };
      }
      if (piece.kind === 'text') {
        nodes.push(piece);
        continue;
      }
      this.#tokens = piece.tokens;
      this.#at = 0;
      const word = this.#peek().kind === 'word' ? this.#peek().text : '';
      if (word === 'end' || word === 'else') {
        if (!endings.includes(word)) throw this.#unexpected(this.#peek());
        this.#take();
        if (word === 'end') this.#finish();
        return { nodes, ending: word };
      }
      const node = this.#action(word);
      if (node !== undefined) nodes.push(node);
    }
  }

  #action(word: string): Node | undefined {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        this.#take();
        return this.#control(word);
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw new TemplateSyntaxError(`{{${word}}} outside {{range}}`, this.#peek().at);
        this.#take();
        this.#finish();
        return { kind: word };
      case 'template':
      case 'block': {
        this.#take();
        const name = this.#name();
        const pipe = this.#peek().kind === 'end' ? undefined : this.#pipe();
        this.#finish();
        if (word === 'block') this.defined.set(name, this.list(['end']).nodes);
        return { kind: 'template', name, pipe };
      }
      case 'define': {
        this.#take();
        const name = this.#name();
        this.#finish();
        this.defined.set(name, this.list(['end']).nodes);
        return undefined;
      }
      default: {
        const pipe = this.#pipe();
        this.#finish();
        return { kind: 'action', pipe };
      }
    }
  }

  #control(kind: 'if' | 'with' | 'range'): Node {
    const visible = this.#variables.length;
    const pipe = this.#pipe(kind === 'range');
    this.#finish();
    if (kind === 'range') this.#loops++;
    const { nodes: body, ending } = this.list(['end', 'else']);
    if (kind === 'range') this.#loops--;
    let otherwise: Node[] = [];
    if (ending === 'else') {
      const word = this.#peek();
      if (word.kind === 'word' && (word.text === 'if' || word.text === 'with') && kind !== 'range') {
        this.#take();
        otherwise = [this.#control(word.text)];
      } else {
        this.#finish();
        otherwise = this.list(['end']).nodes;
      }
    }
    this.#variables.length = visible;
    return { kind, pipe, body, otherwise };
  }

  #pipe(ranges = false): Pipe {
    const declared: string[] = [];
    let assigns = false;
    const start = this.#at;
    while (this.#peek().kind === 'variable') {
      declared.push(this.#take().text);
      const sign = this.#peek().text;
      if (sign === ',' && ranges && declared.length < 2) {
        this.#take();
        continue;
      }
      if (sign === ':=' || sign === '=') {
        this.#take();
        assigns = sign === '=';
      } else {
        declared.length = 0;
        this.#at = start;
      }
      break;
    }
    const commands: Operand[][] = [];
    for (;;) {
      const operands: Operand[] = [];
      while (!this.#closes()) operands.push(this.#operand());
      if (operands.length === 0) {
        const token = this.#peek();
        if (token.kind === 'end' && commands.length === 0) {
          throw new TemplateSyntaxError('missing value for command', token.at);
        }
        throw this.#unexpected(token);
      }
      commands.push(operands);
      if (this.#peek().text !== '|' || this.#peek().kind !== 'punct') break;
      this.#take();
    }
    this.#variables.push(...declared);
    return { declared, assigns, commands };
  }

  #closes(): boolean {
    const token = this.#peek();
    return token.kind === 'end' || (token.kind === 'punct' && (token.text === '|' || token.text === ')'));
  }

  #operand(): Operand {
    const token = this.#take();
    const { at } = token;
    const names: string[] = [];
    let place = at;
    let text = token.text;
    const chain = () => {
      while (this.#peek().kind === 'field' && !this.#peek().spaced) {
        const field = this.#take();
        // Go reports a chain at its second link.
        if (place === at) place = field.at;
        names.push(field.text.slice(1));
        text += field.text;
      }
      return { names, text, at: place };
    };
    switch (token.kind) {
      case 'field':
        names.push(token.text.slice(1));
        return { kind: 'dot', ...chain() };
      case 'variable':
        if (!this.#variables.includes(token.text)) {
          throw new TemplateSyntaxError(`undefined variable "${token.text}"`, at);
        }
        return { kind: 'variable', name: token.text, ...chain() };
      case 'word':
        if (token.text === 'true' || token.text === 'false') {
          return { kind: 'literal', value: token.text === 'true', ...chain() };
        }
        if (token.text === 'nil') return { kind: 'nil', ...chain() };
        if (!this.#functions.has(token.text)) {
          throw new TemplateSyntaxError(`function "${token.text}" not defined`, at);
        }
        return { kind: 'function', name: token.text, ...chain() };
      case 'string':
        return { kind: 'literal', value: unquote(token), ...chain() };
      case 'char':
        return { kind: 'literal', value: unquote(token).codePointAt(0) ?? 0, ...chain() };
      case 'number':
        return { kind: 'literal', value: Number(token.text.replaceAll('_', '')), ...chain() };
      case 'punct':
        if (token.text === '.') return { kind: 'dot', ...chain() };
        if (token.text === '(') {
          const pipe = this.#pipe();
          const close = this.#take();
          if (close.text !== ')') throw new TemplateSyntaxError('unclosed left paren', close.at);
          text = this.#source.slice(at, close.at + 1);
          return { kind: 'pipe', pipe, ...chain() };
        }
        throw this.#unexpected(token);
      default:
        throw this.#unexpected(token);
    }
  }

  #name(): string {
    const token = this.#take();
    if (token.kind !== 'string') throw this.#unexpected(token);
    return unquote(token);
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', at: this.#source.length, spaced: false };
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #finish(): void {
    const token = this.#peek();
    if (token.kind !== 'end') throw this.#unexpected(token);
  }

  #unexpected(token: Token): TemplateSyntaxError {
    const shown =
      token.kind === 'end' ? '"}}"' : token.kind === 'word' ? `{{${token.text}}}` : JSON.stringify(token.text);
    return new TemplateSyntaxError(`unexpected ${shown} in command`, token.at);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unquote(token: Token): string {
  const inside = token.text.slice(1, -1);
  if (token.text.startsWith('`')) return inside;
  return inside.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gu, (_, e: string) => {
    if (/^[xuU]./.test(e)) return String.fromCodePoint(Number.parseInt(e.slice(1), 16));
    if (/^[0-7]{3}$/.test(e)) return String.fromCodePoint(Number.parseInt(e, 8));
    return ESCAPES[e] ?? e;
  });
}
