import { checkResult } from '../../core/wire/build-check.ts';
import type { BuildOutline, BuildTargets } from '../../core/wire/build.ts';
import { ExitError } from '../errors.ts';
import { csvFields } from '../spec/csv.ts';
import type { PreparedContext } from './context.ts';
import { checkReport, type Shown } from './show.ts';

/** What `--call` asks for instead of a build. */
export interface BuildCall {
  readonly method: 'build' | 'check' | 'outline' | 'targets';
  readonly format: 'text' | 'json';
}

/** `--call METHOD[,format=json]`, `--check`. @throws {ExitError} at another method or format */
export function parseCall(given: string | undefined, check: boolean): BuildCall {
  const [method = '', ...options] = csvFields(given ?? (check ? 'check' : 'build'));
  const known = { build: 'build', check: 'check', lint: 'check', outline: 'outline', targets: 'targets' } as const;
  if (!Object.hasOwn(known, method)) {
    throw new ExitError(`--call ${given} is not supported: build, check, outline and targets are`, 1);
  }
  let format: BuildCall['format'] = 'text';
  for (const option of options) {
    if (option !== 'format=json' && option !== 'format=text') {
      throw new ExitError(`--call ${given}: invalid option ${option}: format=json or format=text is expected`, 1);
    }
    format = option === 'format=json' ? 'json' : 'text';
  }
  return { method: known[method as keyof typeof known], format };
}

/** What is printed for a call, and its exit code. */
export function answerOf(
  { method, format }: BuildCall,
  { warnings, outline, targets }: Shown,
  source: PreparedContext,
): { readonly text: string; readonly code: number } {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  if (method === 'check') {
    const dockerfile = { filename: source.shown, text: source.lines.join('\n') };
    const report = checkReport(warnings, source.shown, source.lines);
    const text = format === 'json' ? json(checkResult(warnings, dockerfile)) : report;
    return { text, code: warnings.length === 0 ? 0 : 1 };
  }
  const found = method === 'outline' ? outline : targets;
  if (found === undefined) throw new ExitError(`this engine does not answer --call ${method}`, 1);
  if (format === 'json') return { text: json(found), code: 0 };
  return { text: 'targets' in found ? targetsText(found) : outlineText(found), code: 0 };
}

function targetsText({ targets }: BuildTargets): string {
  const rows = targets.map((target) => {
    const name = [target.name, target.default && '(default)'].filter(Boolean).join(' ');
    return [name, target.description ?? ''];
  });
  return aligned([['TARGET', 'DESCRIPTION'], ...rows], 1);
}

function outlineText({ name, description, args = [], secrets = [], ssh = [] }: BuildOutline): string {
  const head = [
    ...(name === undefined && description === undefined ? [] : [['TARGET:', name ?? 'default']]),
    ...(description === undefined ? [] : [['DESCRIPTION:', description]]),
  ];
  const table = (header: readonly string[], rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? '' : `${aligned([header, ...rows], 3)}\n`;
  const required = (mounts: typeof secrets) => mounts.map((m) => [m.name, m.required === true ? 'true' : '']);
  return [
    head.length === 0 ? '' : `${aligned(head, 1)}\n`,
    table(
      ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
      args.map((arg) => [arg.name, arg.value ?? '', arg.description ?? '']),
    ),
    table(['SECRET', 'REQUIRED'], required(secrets)),
    table(['SSH', 'REQUIRED'], required(ssh)),
  ].join('');
}

/** All cells but the last of a row are as wide as the widest of their column, and `gap` blanks. */
function aligned(rows: readonly (readonly string[])[], gap: number): string {
  const widthOf = (column: number) => Math.max(...rows.map((row) => (row[column] ?? '').length)) + gap;
  const widths = (rows[0] ?? []).map((_, column) => widthOf(column));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('')}\n`)
    .join('');
}
