import { cpus } from 'node:os';
import { readFileSync } from 'node:fs';

interface Row {
  readonly what: string;
  readonly value: string;
  readonly against: string;
  readonly ratio: string;
  readonly target: string;
  readonly kept: boolean;
}

const rows: Row[] = [];
const comparisons: {
  readonly what: string;
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
}[] = [];

/** What, how long, how many times the floor, and what it should be at most. */
export function report(what: string, ms: number, floor: number, floorName: string, target: number): void {
  const ratio = ms / floor;
  add({
    what,
    value: `${shown(ms)} ms`,
    against: `${floorName}: ${shown(floor)} ms`,
    ratio: ratio.toFixed(2),
    target: `${target} x`,
    kept: ratio <= target,
  });
}

/** What, and how much of it against a fixed number. */
export function absolute(what: string, value: number, most: number, unit: string): void {
  const target = `${shown(most)} ${unit}`;
  add({ what, value: `${shown(value)} ${unit}`, against: '', ratio: '', target, kept: value <= most });
}

/** What several engines take for the same, by their names; ours first. */
export function compare(what: string, unit: string, values: Readonly<Record<string, number>>): void {
  comparisons.push({ what, unit, values });
  const all = Object.entries(values).map(([name, value]) => `${name} ${shown(value)} ${unit}`);
  console.log(`${what}: ${all.join(', ')}`);
}

function add(row: Row): void {
  rows.push(row);
  const ratio = row.ratio === '' ? '' : `, ${row.ratio} x ${row.against}`;
  console.log(`${row.what}: ${row.value}${ratio}; target at most ${row.target}: ${row.kept ? 'ok' : 'MISSED'}`);
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

/** All that was reported, as tables in Markdown, with the machine named. */
export function printTables(): void {
  if (rows.length === 0 && comparisons.length === 0) return;
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const [load] = readFileSync('/proc/loadavg', 'utf8').split(' ');
  console.log(`\n${cpus().length} x ${cpus()[0]?.model ?? '?'}, Linux ${kernel}, load at the end ${load}\n`);
  if (rows.length > 0) printRows();
  if (comparisons.length > 0) printComparisons();
}

function printRows(): void {
  console.log('| workload | median | floor | ratio | target at most | |\n|---|--:|---|--:|--:|---|');
  for (const { what, value, against, ratio, target, kept } of rows) {
    console.log(`| ${what} | ${value} | ${against} | ${ratio} | ${target} | ${kept ? 'ok' : 'missed'} |`);
  }
}

function printComparisons(): void {
  const names = [...new Set(comparisons.flatMap(({ values }) => Object.keys(values)))];
  console.log(`\n| the same docker CLI, workload | ${names.join(' | ')} |\n|---|${names.map(() => '--:|').join('')}`);
  for (const { what, unit, values } of comparisons) {
    const cells = names.map((name) => (values[name] === undefined ? '' : `${shown(values[name])} ${unit}`));
    console.log(`| ${what} | ${cells.join(' | ')} |`);
  }
}
