const STEP_NANOS = 2_000_000n;
let offset: bigint | undefined;

/**
 * The wall clock in nanoseconds since 1970. Date.now() knows milliseconds only; the digits below them come from the steady
 * clock, which is set by the wall clock anew whenever the two part (somebody set the time).
 */
export function wallNanos(): bigint {
  const steady = process.hrtime.bigint();
  const wall = BigInt(Date.now()) * 1_000_000n;
  const ahead = offset === undefined ? undefined : steady + offset - wall;
  if (offset === undefined || ahead === undefined || ahead < -STEP_NANOS || ahead > STEP_NANOS) offset = wall - steady;
  return steady + offset;
}
