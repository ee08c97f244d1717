import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WharfError } from '../../src/core/errors.ts';

/** Seconds for each parser: a moment in `npm test`, longer with `FUZZ_SECONDS=600 npm run fuzz`. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? '2');
const SEED = process.env['FUZZ_SEED'];
/** Longer for one small input is a hang. */
const HANG_MS = 1000;

/**
 * Feeds a parser with whatever `inputs` makes until time is up: it may refuse (as `refuses` says), it may not fail otherwise,
 * nor take long. A failure names the smallest input and the seed that finds it again: `FUZZ_SEED`.
 */
export function fuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  parse: (input: T) => unknown,
  refuses: (error: unknown) => boolean = (e) => e instanceof WharfError,
): void {
  test(`${name}: takes or refuses whatever comes`, { timeout: SECONDS * 1000 + 120_000 }, async () => {
    const property = fc.asyncProperty(inputs, async (input) => {
      const begin = performance.now();
      try {
        await parse(input);
      } catch (e) {
        if (!refuses(e)) throw e;
      }
      const took = performance.now() - begin;
      assert.ok(took < HANG_MS, `took ${Math.round(took)} ms`);
    });
    await fc.assert(property, {
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

/** A valid document with some bytes changed, left out or put in. */
export function damaged(valid: Buffer): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.nat({ max: Math.max(0, valid.length - 1) }),
    remove: fc.nat({ max: 8 }),
    insert: fc.uint8Array({ maxLength: 8 }),
  });
  return fc.array(change, { maxLength: 6 }).map((changes) => {
    let bytes = valid;
    for (const { at, remove, insert } of changes) {
      const from = Math.min(at, bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)]);
    }
    return bytes;
  });
}
