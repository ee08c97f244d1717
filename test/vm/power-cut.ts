// The power of a whole machine goes, again and again: node test/vm/power-cut.ts [--rounds N] [--seed N]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineImage } from '../../scripts/lib/vm/image.ts';
import { machineKernel } from '../../scripts/lib/vm/kernel.ts';
import { Machine } from '../../scripts/lib/vm/machine.ts';
import { Random } from '../faults/random.ts';
import { ENV, LOOK, PREPARE, RUNS, START, WORK } from './power-cut-shell.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const random = new Random(seed);
const directory = mkdtempSync(join(tmpdir(), 'wharf-power-'));
const options = {
  kernel: await machineKernel(),
  image: await machineImage('tests'),
  memoryMiB: 2048,
  changes: join(directory, 'changes'),
};
const broken: string[] = [];
/** By what it is about; a later word about the same takes the place of the earlier one. */
const told = new Map<string, string>();

try {
  await inMachine((machine) => machine.must(PREPARE).then(() => machine.powerOff()));
  for (let round = 1; round <= Number(values.rounds) && broken.length === 0; round++) {
    await inMachine(async (machine) => {
      await check(machine);
      const work = machine.shell(WORK.replaceAll('ROUND', String(round)));
      const ms = random.int(2000, 60_000);
      await Promise.race([delay(ms), work]);
      await machine.cut();
      const { stdout, stderr } = await work;
      const words = stdout
        .split('\n')
        .slice(0, -1)
        .filter((line) => /^(there|gone|either) /.test(line));
      for (const line of words) {
        const [verb = '', kind = '', name = ''] = line.split(' ');
        told.set(`${kind} ${name}`, verb);
      }
      console.log(`power cut ${round} after ${ms} ms: ${words.length} things acknowledged`);
      if (words.length === 0 && stderr !== '') console.log(stderr.slice(-500));
    });
  }
  await inMachine(async (machine) => {
    await check(machine);
    await machine.powerOff();
  });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(broken.length === 0 ? 'no broken promise' : `broken:\n${broken.join('\n')}`);
process.exitCode = broken.length === 0 ? 0 : 1;

async function inMachine(body: (machine: Machine) => Promise<void>): Promise<void> {
  await using machine = await Machine.start(options);
  await machine.share(fileURLToPath(new URL('../..', import.meta.url)), '/wharf');
  await machine.share(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', '/var/cache/wharf');
  await machine.must(START);
  await body(machine);
}

/** All that was ever acknowledged, and that what is there is whole. */
async function check(machine: Machine): Promise<void> {
  const looks = [...told.keys()].map((what) => {
    const [kind = '', name = ''] = what.split(' ');
    return `if ${LOOK[kind]?.(name)} >/dev/null 2>&1; then echo 'there ${what}'; else echo 'gone ${what}'; fi`;
  });
  const script = [
    ENV,
    ...looks,
    'for i in $(wharf images -aq --no-trunc | sort -u); do wharf save -o /dev/null $i || echo "damaged $i"; done',
  ];
  const found = await machine.must(`${script.join('\n')}\n${RUNS}`);
  for (const line of found.split('\n')) {
    const [verb = '', ...rest] = line.split(' ');
    const promised = told.get(rest.join(' '));
    const isBroken = promised !== undefined && promised !== 'either' && promised !== verb;
    if (verb === 'damaged' || isBroken) broken.push(`${line}, but was ${promised ?? 'whole'}`);
  }
  if (!found.includes('runs still')) broken.push(`nothing runs any more: ${found}`);
}
