import { test } from 'node:test';
import fc from 'fast-check';

/** Seconds for each parser: a moment in `npm test`. Coverage-guided and long: `npm run fuzz`. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? '1');
const SEED = process.env['FUZZ_SEED'];

/**
 * Feeds a parser with whatever `inputs` makes until time is up. A failure names the smallest input and the seed that finds
 * it again: `FUZZ_SEED`.
 */
export function fuzz(name: string, inputs: fc.Arbitrary<Buffer>, attempt: (input: Buffer) => void): void {
  test(`${name}: takes or refuses whatever comes`, { timeout: SECONDS * 1000 + 120_000 }, () => {
    fc.assert(fc.property(inputs, attempt), {
      numRuns: 1_000_000_000,
      interruptAfterTimeLimit: SECONDS * 1000,
      markInterruptAsFailure: false,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    });
  });
}

/** Text in the language's own words, in any order, with anything between: nearer to what is parsed than noise. */
export function textOf(words: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(' ', '\n', '\t', '\\', '"', "'", '$', '{', '}', ':', '/', '\r\n', '\0', '#'),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
  );
  return fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
}

/** One of the inputs with some bytes changed, left out or put in. */
export function damaged(inputs: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat({ max: 8 }),
    insert: fc.uint8Array({ maxLength: 8 }),
  });
  return fc.tuple(fc.nat(), fc.array(change, { maxLength: 6 })).map(([which, changes]) => {
    let bytes = inputs[which % Math.max(1, inputs.length)] ?? Buffer.alloc(0);
    for (const { at, remove, insert } of changes) {
      const from = Math.floor(at * bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)]);
    }
    return bytes;
  });
}
