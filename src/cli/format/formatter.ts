import { nearest } from '../../core/nearest.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { alignTabs } from './table.ts';
import { CompiledTemplate, TemplateExecError, type Missing } from './template.ts';

/** The fields of a row that `--format` may name; a function with parameters takes arguments (`.Label "x"`). */
export type Row = Readonly<
  Record<string, string | boolean | number | null | (() => unknown) | ((key: string) => unknown)>
>;

export interface Layout {
  /** Heading of each field. */
  readonly headings: Readonly<Record<string, string>>;
  /** Fields of the usual table. */
  readonly columns: readonly string[];
  /** Replaces the usual table by one value a line. */
  readonly quietField?: string;
  /** What `--format raw` prints of each row, as a template; what it prints with `-q` is in `quietRaw`. */
  readonly raw?: string;
  readonly quietRaw?: string;
  /** Go's name of a row's type, for messages. */
  readonly type?: string;
  /** What precedes a message about a template that cannot be run. */
  readonly failure?: string;
}

/**
 * Prints rows as `--format` says: nothing or `table`, `json`, `table TEMPLATE`, or a template for each row.
 * @throws {ExitError} for a template that cannot be read or run
 */
export async function printRows(
  context: CommandContext,
  rows: readonly Row[],
  layout: Layout,
  options: { readonly format?: string | undefined; readonly quiet?: boolean },
): Promise<void> {
  await context.print(formatRows(rows, layout, options));
}

/** See `printRows`. */
export function formatRows(
  rows: readonly Row[],
  layout: Layout,
  options: { readonly format?: string | undefined; readonly quiet?: boolean },
): string {
  const format = (options.format ?? '').trim() || 'table';
  if (options.quiet === true && layout.quietField !== undefined && format === 'table') {
    const field = layout.quietField;
    return rows.map((row) => `${textOf(row[field])}\n`).join('');
  }
  if (format === 'table') {
    const lines = [
      layout.columns.map((c) => layout.headings[c] ?? c),
      ...rows.map((r) => layout.columns.map((c) => textOf(r[c]))),
    ];
    return alignTabs(lines.map((cells) => `${cells.join('\t')}\n`).join(''));
  }
  if (format === 'json') {
    const template = new CompiledTemplate('{{json .}}', missing(layout.type));
    return rows.map((row) => `${template.run(row)}\n`).join('');
  }
  const isTable = /^table\s/.test(format);
  const raw = options.quiet === true ? layout.quietRaw : layout.raw;
  const source = (isTable ? format.slice(5).trim() : format === 'raw' ? (raw ?? format) : format)
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const template = new CompiledTemplate(source, missing(layout.type), 'failed to parse template');
  try {
    const body = rows.map((row) => `${template.run(row)}\n`).join('');
    if (!isTable) return body;
    return alignTabs(`${template.run(headingRow(layout, rows[0]))}\n${body}`);
  } catch (e) {
    if (e instanceof TemplateExecError)
      throw new ExitError(`${layout.failure ?? 'template parsing error'}: ${e.message}`, 1, e);
    throw e;
  }
}

/** In a table's heading `.Label "x"` reads `x`. */
function headingRow(layout: Layout, sample: Row | undefined): Row {
  const row: Record<string, string | ((key: string) => unknown)> = { ...layout.headings, Label: (key: string) => key };
  for (const name of Object.keys(sample ?? {})) if (!(name in row)) row[name] = name.toUpperCase();
  return row;
}

function missing(type: string | undefined): Missing {
  return (receiver, name, isNull) => {
    if (isNull) return null;
    const near = nearest(name, Object.keys(receiver as object));
    const of = type === undefined ? '' : ` in type ${type}`;
    throw new Error(`can't evaluate field ${name}${of}${near === undefined ? '' : `; did you mean .${near}?`}`);
  };
}

function textOf(cell: Row[string] | undefined): string {
  if (typeof cell === 'function') return String((cell as () => unknown)());
  return cell === undefined ? '' : String(cell);
}
