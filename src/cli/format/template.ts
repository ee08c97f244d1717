import { messageOf } from '../../core/errors.ts';
import { ExitError } from '../errors.ts';
import { argumentFault, arityFault, FUNCTIONS, isTrue } from './functions.ts';
import { TemplateSyntaxError } from './lex.ts';
import { parseTemplate, type Node, type Operand, type Pipe, type Template } from './parse.ts';
import { goText, goType, NO_VALUE } from './print-value.ts';

/** What a field is worth that an object has not, or has as null; throws the reason if it is an error. */
export type Missing = (receiver: unknown, name: string, isNull: boolean) => unknown;

const PARSING = 'template parsing error';

/** A template, ready to be run for many values. */
export class CompiledTemplate {
  readonly #template: Template;
  readonly #missing: Missing;

  /** @throws {ExitError} 64 `template parsing error: template: :1: ...`, or 1 with another `context` */
  constructor(source: string, missing: Missing, context: string = PARSING) {
    this.#missing = missing;
    try {
      this.#template = parseTemplate(source, new Set(Object.keys(FUNCTIONS)));
    } catch (e) {
      if (!(e instanceof TemplateSyntaxError)) throw e;
      throw new ExitError(
        `${context}: template: :${lineOf(source, e.at)}: ${e.message}`,
        context === PARSING ? 64 : 1,
        e,
      );
    }
  }

  /** @throws {TemplateExecError} with the position and the expression that failed */
  run(value: unknown): string {
    const run = new Run(this.#template, this.#missing, value);
    run.nodes(this.#template.body, value);
    return run.out;
  }
}

/** `template: :1:2: executing "" at <.X>: reason`. */
export class TemplateExecError extends Error {
  override readonly name = 'TemplateExecError';
}

class Run {
  out = '';
  readonly #template: Template;
  readonly #missing: Missing;
  #variables: { name: string; value: unknown }[];
  #depth = 0;

  constructor(template: Template, missing: Missing, root: unknown) {
    this.#template = template;
    this.#missing = missing;
    this.#variables = [{ name: '$', value: root }];
  }

  nodes(nodes: readonly Node[], dot: unknown): 'break' | 'continue' | undefined {
    for (const node of nodes) {
      const jump = this.#node(node, dot);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  #node(node: Node, dot: unknown): 'break' | 'continue' | undefined {
    switch (node.kind) {
      case 'text':
        this.out += node.text;
        return undefined;
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.declared.length === 0) this.out += goText(value);
        return undefined;
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'template':
        this.#call(node, dot);
        return undefined;
      case 'if':
      case 'with': {
        const visible = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        const inner = node.kind === 'with' ? value : dot;
        const jump = isTrue(value) ? this.nodes(node.body, inner) : this.nodes(node.otherwise, dot);
        this.#variables.length = visible;
        return jump;
      }
      case 'range':
        return this.#range(node, dot);
      default:
        return undefined;
    }
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: unknown): 'break' | 'continue' | undefined {
    const visible = this.#variables.length;
    const value = this.#pipe({ ...node.pipe, declared: [] }, dot);
    const items = entriesOf(value);
    if (items === undefined)
      throw this.#failure(node.pipe.commands[0]?.[0], `range can't iterate over ${goText(value)}`);
    if (items.length === 0) this.nodes(node.otherwise, dot);
    const [first, second] = node.pipe.declared;
    for (const [key, item] of items) {
      if (first !== undefined) this.#set(first, second === undefined ? item : key, node.pipe.assigns);
      if (second !== undefined) this.#set(second, item, node.pipe.assigns);
      const jump = this.nodes(node.body, item);
      this.#variables.length = visible;
      if (jump === 'break') break;
    }
    return undefined;
  }

  #call(node: Extract<Node, { kind: 'template' }>, dot: unknown): void {
    const body = this.#template.defined.get(node.name);
    if (body === undefined) throw new TemplateExecError(`template: template "${node.name}" not defined`);
    if (++this.#depth > 1000) throw new TemplateExecError('template: exceeded maximum template depth (1000)');
    const value = node.pipe === undefined ? NO_VALUE : this.#pipe(node.pipe, dot);
    const outer = this.#variables;
    this.#variables = [{ name: '$', value }];
    this.nodes(body, value);
    this.#variables = outer;
    this.#depth--;
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown = NO_VALUE;
    let has = false;
    for (const command of pipe.commands) {
      value = this.#command(command, dot, has ? [value] : []);
      has = true;
    }
    for (const name of pipe.declared) this.#set(name, value, pipe.assigns);
    return value;
  }

  #command(operands: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = operands;
    if (first === undefined) return NO_VALUE;
    if (first.kind === 'function' && (first.name === 'and' || first.name === 'or')) {
      const fault = arityFault(first.name, rest.length + piped.length);
      if (fault !== undefined) throw this.#failure(first, fault);
      return this.#lazily(first.name === 'or', rest, dot, piped);
    }
    const args = (): unknown[] => [...rest.map((o) => this.#value(o, dot)), ...piped];
    if (first.kind === 'function') {
      return this.#chain(first, this.#apply(first, args(), operands), first.names, []);
    }
    const callable = first.kind === 'dot' || first.kind === 'variable' || first.kind === 'pipe';
    if (callable && first.names.length > 0) {
      return this.#chain(first, this.#base(first, dot), first.names, args());
    }
    if (rest.length > 0 || piped.length > 0)
      throw this.#failure(first, `can't give argument to non-function ${first.text}`);
    return this.#value(first, dot);
  }

  #lazily(or: boolean, operands: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    let value: unknown = NO_VALUE;
    for (const operand of operands) {
      value = this.#value(operand, dot);
      if (isTrue(value) === or) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #value(operand: Operand, dot: unknown): unknown {
    const base = operand.kind === 'function' ? this.#apply(operand, []) : this.#base(operand, dot);
    return this.#chain(operand, base, operand.names, []);
  }

  #base(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'literal':
        return operand.value;
      case 'variable':
        return this.#variables.findLast((v) => v.name === operand.name)?.value;
      case 'pipe':
        return this.#pipe(operand.pipe, dot);
      case 'function':
        return this.#apply(operand, []);
    }
  }

  #apply(
    operand: Operand & { kind: 'function' },
    args: readonly unknown[],
    operands: readonly Operand[] = [operand],
  ): unknown {
    const { name } = operand;
    const arity = arityFault(name, args.length);
    if (arity !== undefined) throw this.#failure(operand, arity);
    const values = args.map((a) => (typeof a === 'function' ? (a as () => unknown)() : a));
    for (const [i, value] of values.entries()) {
      const given = operands[i + 1];
      const fault = argumentFault(name, i, value, given?.kind === 'literal' ? given.text : undefined);
      if (fault !== undefined) throw this.#failure(given ?? operand, fault);
    }
    try {
      return FUNCTIONS[name]?.(...values);
    } catch (e) {
      const command = { ...operand, text: operands.map((o) => o.text).join(' ') };
      throw this.#failure(command, `error calling ${name}: ${messageOf(e)}`);
    }
  }

  #chain(operand: Operand, base: unknown, names: readonly string[], args: readonly unknown[]): unknown {
    let value = base;
    for (const [i, name] of names.entries()) {
      value = this.#field(operand, value, name, i === names.length - 1 ? args : [], names[i - 1]);
    }
    return value;
  }

  #field(operand: Operand, receiver: unknown, name: string, args: readonly unknown[], before?: string): unknown {
    const isObject = typeof receiver === 'object' && receiver !== null && !Array.isArray(receiver);
    const found = isObject && Object.hasOwn(receiver, name) ? (receiver as Record<string, unknown>)[name] : undefined;
    if (typeof found === 'function') {
      if (args.length !== found.length) {
        throw this.#failure(operand, `wrong number of args for ${name}: want ${found.length} got ${args.length}`);
      }
      return (found as (...a: unknown[]) => unknown)(...args);
    }
    if (args.length > 0) throw this.#failure(operand, `${name} is not a method but has arguments`);
    if (found !== undefined && found !== null) return found;
    if (receiver === null) throw this.#failure(operand, `map has no entry for key "${before ?? name}"`);
    if (receiver === NO_VALUE || receiver === undefined) return NO_VALUE;
    if (!isObject) throw this.#failure(operand, `can't evaluate field ${name} in type ${goType(receiver)}`);
    try {
      return this.#missing(receiver, name, found === null);
    } catch (e) {
      throw this.#failure(operand, messageOf(e));
    }
  }

  #set(name: string, value: unknown, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((v) => v.name === name) : undefined;
    if (known === undefined) this.#variables.push({ name, value });
    else known.value = value;
  }

  #failure(operand: Operand | undefined, reason: string): TemplateExecError {
    const source = this.#template.source;
    const at = operand?.at ?? 0;
    const column = at - (source.lastIndexOf('\n', at - 1) + 1);
    const text = operand?.text ?? '';
    return new TemplateExecError(`template: :${lineOf(source, at)}:${column}: executing "" at <${text}>: ${reason}`);
  }
}

function lineOf(source: string, at: number): number {
  return source.slice(0, at).split('\n').length;
}

/** Keys and items in Go's order; `undefined` for what cannot be ranged over. */
function entriesOf(value: unknown): [unknown, unknown][] | undefined {
  if (value === null || value === NO_VALUE || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item, i) => [i, item]);
  if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i]);
  if (typeof value === 'object') return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return undefined;
}
