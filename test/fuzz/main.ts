// Coverage-guided fuzzing: npm run fuzz -- TARGET... [--seconds N] [--seed N] [--piece N]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { done, fail, step } from '../../scripts/lib/say.mjs';
import { readCorpus, writeCorpus } from './corpus.ts';
import { bundle, type Fuzzer, openFuzzer, type Piece } from './jazzer.ts';
import { TARGETS } from './targets/index.ts';

const { values, positionals } = arguments_();
const wanted = positionals.includes('all') ? Object.keys(TARGETS) : positionals;
const unknown = wanted.filter((name) => !(name in TARGETS));
if (wanted.length === 0 || unknown.length > 0) {
  fail(
    unknown.length > 0 ? `unknown target: ${unknown.join(', ')}` : 'no target given',
    `targets: ${Object.keys(TARGETS).join(', ')}, or all`,
  );
}
const total = wholeNumber('seconds', values.seconds);
const piece = wholeNumber('piece', values.piece);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', values.seed);
console.log(`seed ${seed}`);

const fuzzer = await openFuzzer();
for (const name of wanted) await fuzzOne(fuzzer, name);

/** Runs for the time asked in pieces, each with what the last one found, then keeps what is worth keeping. */
async function fuzzOne(engine: Fuzzer, name: string): Promise<void> {
  const target = TARGETS[name];
  if (target === undefined) return;
  step(name);
  const work = mkdtempSync(join(tmpdir(), `wharf-fuzz-${name}-`));
  try {
    const paths = { program: join(work, 'target.cjs'), found: join(work, 'found'), dictionary: join(work, 'words') };
    await bundle(name, paths.program);
    mkdirSync(paths.found);
    const known = readCorpus(name);
    for (const [i, input] of known.entries()) writeFileSync(join(paths.found, `known-${i}`), input);
    writeFileSync(paths.dictionary, dictionary(target.words));
    const sum = { executions: 0, seconds: 0, memoryMiB: 0, edges: 0 };
    for (let left = total, round = 0; left > 0; round++) {
      const result: Piece = await engine.run(paths, {
        seconds: Math.min(left, piece),
        seed: seed + round,
        longest: target.longest,
      });
      left -= Math.max(1, result.seconds);
      sum.executions += result.executions;
      sum.seconds += result.seconds;
      sum.memoryMiB = Math.max(sum.memoryMiB, result.memoryMiB);
      sum.edges = Math.max(sum.edges, result.edges);
      if (result.failure !== undefined) {
        if (result.failure.input !== undefined) writeCorpus(name, [...readCorpus(name), result.failure.input]);
        console.log(result.failure.text);
        rmSync(work, { recursive: true, force: true });
        const what =
          result.failure.input === undefined ? 'the fuzzer itself failed' : 'an input failed; it is in the corpus now';
        fail(`${name}: ${what} (seed ${seed + round})`);
      }
    }
    const kept = writeCorpus(name, await engine.minimised(paths));
    done(
      `${name}: ${sum.executions} inputs in ${sum.seconds} s, ${sum.edges} edges, corpus ${known.length} -> ${kept}, ` +
        `at most ${sum.memoryMiB} MiB more than at the start`,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Words as libFuzzer reads them. */
function dictionary(words: readonly string[]): string {
  const escaped = (word: string) =>
    [...Buffer.from(word, /[\u0080-\u00ff]/.test(word) ? 'latin1' : 'utf8')]
      .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
      .join('');
  return words.map((word) => `"${escaped(word)}"\n`).join('');
}

function arguments_() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '60' },
        // Each piece is a process of its own: others may want the machine in between.
        piece: { type: 'string', default: '100' },
        seed: { type: 'string' },
      },
    });
  } catch (e) {
    return fail(e instanceof Error ? e.message : String(e));
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) fail(`--${name} takes a whole number, not "${text}"`);
  return Number(text);
}
