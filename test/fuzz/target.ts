import { WharfError } from '../../src/core/errors.ts';

/** A parser that meets bytes of others, and how it may answer them. */
export interface Target {
  /** Takes the input, or throws what `refuses` knows. Synchronous. */
  readonly parse: (input: Buffer) => unknown;
  /** What a refusal looks like; all else that is thrown is a bug. */
  readonly refuses?: (error: unknown) => boolean;
  /** Words of the language: both fuzzers put them together and between. */
  readonly words: readonly string[];
  /** Longest input that is worth trying, in bytes. */
  readonly longest: number;
}

/** Longer for one input is a hang. */
const HANG_MS = 1000;

/** What is garbage of so many inputs is taken away, where that may be asked for: memory that grows then is alive. */
const INPUTS_BETWEEN_COLLECTIONS = 20_000;
let inputs = 0;

/** Gives the target one input. @throws {Error} if it fails otherwise than by a refusal, or takes too long */
export function tryInput(target: Target, input: Buffer): void {
  // Time of this thread on a processor: others may have it in between.
  const begin = process.threadCpuUsage();
  try {
    target.parse(input);
  } catch (e) {
    if (!(target.refuses?.(e) ?? e instanceof WharfError)) throw e;
  }
  const used = process.threadCpuUsage(begin);
  const took = (used.user + used.system) / 1000;
  if (took > HANG_MS) throw new Error(`hang: took ${Math.round(took)} ms`);
  if (++inputs % INPUTS_BETWEEN_COLLECTIONS === 0) globalThis.gc?.();
}
