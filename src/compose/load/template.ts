/**
 * `${}` in Compose files and dotenv files. Grammar: compose-spec, "Interpolation"; operands are templates themselves.
 */
export interface TemplateLookup {
  /** The value of a variable; `undefined` if it is not set. */
  readonly lookup: (name: string) => string | undefined;
  /** Called for a variable that is not set and has no default. */
  readonly missing?: (name: string) => void;
}

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly kind: 'syntax' | 'required';
  readonly variable: string | undefined;
  constructor(kind: 'syntax' | 'required', message: string, variable?: string) {
    super(message);
    this.kind = kind;
    this.variable = variable;
  }
}

const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*/;
const OPERATORS = [':-', ':?', ':+', '-', '?', '+'] as const;

/**
 * Replaces every `$NAME` and `${NAME…}`; `$$` is a dollar sign. A `$` that begins none of these stays.
 * @throws {TemplateError} on malformed braces, or for `${NAME:?message}` when the variable is missing
 */
export function substitute(template: string, vars: TemplateLookup): string {
  let out = '';
  let at = 0;
  while (at < template.length) {
    const dollar = template.indexOf('$', at);
    if (dollar < 0) return out + template.slice(at);
    out += template.slice(at, dollar);
    const next = template[dollar + 1];
    if (next === '$') {
      out += '$';
      at = dollar + 2;
    } else if (next === '{') {
      const end = closingBrace(template, dollar + 2);
      if (end < 0) throw new TemplateError('syntax', template);
      out += braced(template.slice(dollar + 2, end), template, vars);
      at = end + 1;
    } else {
      const name = NAME.exec(template.slice(dollar + 1))?.[0];
      out += name === undefined ? '$' : valueOrBlank(name, vars);
      at = dollar + 1 + (name?.length ?? 0);
    }
  }
  return out;
}

function braced(inside: string, whole: string, vars: TemplateLookup): string {
  const name = NAME.exec(inside)?.[0];
  if (name === undefined) throw new TemplateError('syntax', whole);
  const rest = inside.slice(name.length);
  if (rest === '') return valueOrBlank(name, vars);
  const operator = OPERATORS.find((op) => rest.startsWith(op));
  if (operator === undefined) throw new TemplateError('syntax', whole);
  const operand = rest.slice(operator.length);
  const value = vars.lookup(name);
  const present = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
  switch (operator.at(-1)) {
    case '-':
      return present ? (value ?? '') : substitute(operand, vars);
    case '+':
      return present ? substitute(operand, vars) : '';
    default: {
      if (present) return value ?? '';
      const message = substitute(operand, vars);
      throw new TemplateError(
        'required',
        `required variable ${name} is missing a value${message === '' ? '' : `: ${message}`}`,
        name,
      );
    }
  }
}

function valueOrBlank(name: string, vars: TemplateLookup): string {
  const value = vars.lookup(name);
  if (value === undefined) vars.missing?.(name);
  return value ?? '';
}

/** The brace that closes the one before `from`; inner `${…}` are stepped over. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '$' && text[i + 1] === '{') {
      depth++;
      i++;
    } else if (text[i] === '}' && --depth === 0) return i;
  }
  return -1;
}

/** One use of a variable: what it becomes when it is not set, and whether it must be. */
export interface VariableUse {
  readonly name: string;
  readonly required: boolean;
  /** After `-` or `:-`. */
  readonly fallback: string;
  /** After `+` or `:+`. */
  readonly alternative: string;
}

/** Every variable that a template names, nested ones too; malformed ones are left out. */
export function variablesIn(template: string): VariableUse[] {
  const found: VariableUse[] = [];
  for (let at = template.indexOf('$'); at >= 0; at = template.indexOf('$', at)) {
    const rest = template.slice(at + 1);
    const end = rest.startsWith('{') ? closingBrace(template, at + 2) : -1;
    const inside = end < 0 ? rest : template.slice(at + 2, end);
    const name = rest.startsWith('$') ? undefined : NAME.exec(inside)?.[0];
    if (name === undefined) {
      at += rest.startsWith('$') ? 2 : 1;
      continue;
    }
    const after = end < 0 ? '' : inside.slice(name.length);
    const operator = OPERATORS.find((op) => after.startsWith(op)) ?? '';
    const operand = after.slice(operator.length);
    found.push({
      name,
      required: operator.endsWith('?'),
      fallback: operator.endsWith('-') ? operand : '',
      alternative: operator.endsWith('+') ? operand : '',
    });
    found.push(...variablesIn(operand));
    at = end < 0 ? at + 1 + name.length : end + 1;
  }
  return found;
}
