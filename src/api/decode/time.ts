import { invalidParameter } from '../../core/errors.ts';
import { parseGoDuration } from '../../core/go-duration.ts';

const SECOND = 1_000_000_000n;

/**
 * A moment as clients give it: Unix seconds with optional fraction, RFC 3339, or a duration back from now (`10m`, `1h30m`).
 * @returns nanoseconds since 1970; `undefined` for an empty text and for 0, which mean "no limit"
 * @throws {WharfError} `INVALID_PARAMETER`
 */
export function parseTime(name: string, text: string, nowMs: number = Date.now()): bigint | undefined {
  if (text === '' || text === '0') return undefined;
  const unix = /^(-?)(\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (unix !== null) {
    const nanos = BigInt(unix[2] ?? 0) * SECOND + BigInt((unix[3] ?? '').padEnd(9, '0'));
    return nanos === 0n ? undefined : unix[1] === '-' ? -nanos : nanos;
  }
  const back = parseGoDuration(text);
  if (back !== undefined) return BigInt(nowMs) * 1_000_000n - BigInt(back);
  const stamp = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (stamp !== null) {
    const ms = Date.parse(`${stamp[1]}${stamp[1]?.includes('T') === true ? (stamp[3] ?? 'Z') : ''}`);
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n + BigInt((stamp[2] ?? '').padEnd(9, '0'));
  }
  throw invalidParameter({
    message: `invalid value for "${name}": "${text}" is neither Unix seconds, an RFC 3339 time nor a duration`,
  });
}
