import { wallNanos } from '../clock.ts';

/** The zero time of Docker's API: "never". */
export const NEVER = '0001-01-01T00:00:00Z';

/** Now, as RFC 3339 in UTC with nanoseconds; no trailing zeros, as Go prints it. */
export function nowRfc3339(): string {
  return formatNanos(wallNanos());
}

/** RFC 3339 in UTC of nanoseconds since 1970. */
export function formatNanos(nanos: bigint): string {
  const seconds = nanos / 1_000_000_000n;
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${base}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** Milliseconds since 1970 of an RFC 3339 time; `0` for the zero time. */
export function millisOf(time: string): number {
  return time === NEVER || time === '' ? 0 : Date.parse(time);
}
