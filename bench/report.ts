import { cpus } from 'node:os';
import { readFileSync } from 'node:fs';

interface Row {
  readonly what: string;
  readonly value: string;
  readonly against: string;
  readonly ratio: string;
  readonly target: string;
  readonly kept: boolean;
  /** The more, the better. */
  readonly atLeast?: boolean;
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

/** A floor that is shown beside what is measured. */
export interface Floor {
  readonly name: string;
  readonly value: number;
}

/** What, and how much of it against a fixed number. */
export function absolute(what: string, value: number, most: number, unit: string, floor?: Floor): void {
  const target = `${shown(most)} ${unit}`;
  add({ what, value: `${shown(value)} ${unit}`, ...besides(value, unit, floor), target, kept: value <= most });
}

/** What, of which there should be much, beside what there is without us, and at least what it should be. */
export function rate(what: string, value: number, unit: string, floor: Floor, least: number): void {
  const beside = besides(value, unit, floor);
  const target = `${shown(least)} ${unit}`;
  add({ what, value: `${shown(value)} ${unit}`, ...beside, target, kept: value >= least, atLeast: true });
}

function besides(value: number, unit: string, floor: Floor | undefined): Pick<Row, 'against' | 'ratio'> {
  if (floor === undefined) return { against: '', ratio: '' };
  return { against: `${floor.name}: ${shown(floor.value)} ${unit}`, ratio: (value / floor.value).toFixed(2) };
}

/** What several engines take for the same, by their names; ours first. */
export function compare(what: string, unit: string, values: Readonly<Record<string, number>>): void {
  comparisons.push({ what, unit, values });
  const all = Object.entries(values).map(
    ([name, value]) => `${name} ${Number.isNaN(value) ? '-' : `${shown(value)} ${unit}`}`,
  );
  console.log(`${what}: ${all.join(', ')}`);
}

function add(row: Row): void {
  rows.push(row);
  const ratio = row.ratio === '' ? '' : `, ${row.ratio} x ${row.against}`;
  console.log(
    `${row.what}: ${row.value}${ratio}; target at ${row.atLeast ? 'least' : 'most'} ${row.target}: ${row.kept ? 'ok' : 'MISSED'}`,
  );
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(value < 1 ? 2 : 1) : value.toFixed(0);
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
  console.log('| workload | median | floor | ratio | target | |\n|---|--:|---|--:|--:|---|');
  for (const { what, value, against, ratio, target, kept, atLeast } of rows) {
    const wanted = `at ${atLeast ? 'least' : 'most'} ${target}`;
    console.log(`| ${what} | ${value} | ${against} | ${ratio} | ${wanted} | ${kept ? 'ok' : 'missed'} |`);
  }
}

function printComparisons(): void {
  const names = [...new Set(comparisons.flatMap(({ values }) => Object.keys(values)))];
  console.log(`\n| the same docker CLI, workload | ${names.join(' | ')} |\n|---|${names.map(() => '--:|').join('')}`);
  for (const { what, unit, values } of comparisons) {
    const cells = names.map((name) =>
      Number.isNaN(values[name] ?? Number.NaN) ? '' : `${shown(values[name] ?? 0)} ${unit}`,
    );
    console.log(`| ${what} | ${cells.join(' | ')} |`);
  }
}
