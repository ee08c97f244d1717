import { parseGoDuration } from '../../core/go-duration.ts';

/**
 * A size such as `512m`, `1.5g`, `64kb`, `1KiB` in bytes; units are powers of 1024 (docker/go-units RAMInBytes).
 * @throws {Error} in docker's words, for what is no size or below zero
 */
export function parseBytes(text: string): number {
  const separator = Math.max(...'0123456789. '.split('').map((c) => text.lastIndexOf(c)));
  if (separator < 0) throw new Error(`invalid size: '${text}'`);
  const number = text.slice(0, text[separator] === ' ' ? separator : separator + 1);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(number)) {
    throw new Error(`strconv.ParseFloat: parsing "${number}": invalid syntax`);
  }
  if (Number(number) < 0) throw new Error(`invalid size: '${text}'`);
  const suffix = text.slice(separator + 1).toLowerCase();
  const m = /^(?:b|([kmgtp])(?:i?b)?)?$/.exec(suffix);
  if (m === null) throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(Number(number) * 1024 ** ' kmgtp'.indexOf(m[1] ?? ' '));
}

/**
 * A duration in Go's spelling (`1m30s`, `500ms`, `1.5h`), in nanoseconds.
 * @throws {Error} in the words of Go's time.ParseDuration
 */
export function parseDuration(text: string): number {
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds !== undefined) return nanoseconds;
  const missing = /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text);
  throw new Error(`time: ${missing ? 'missing unit in' : 'invalid'} duration "${text}"`);
}

/**
 * A moment, as `--since` and `--until` take it, in Unix seconds with up to nine decimals as the API wants it: a duration
 * counts back from now; dates without a zone are local.
 * @throws {Error} if it is none of these
 */
export function parseMoment(text: string, now: Date): string {
  if (/^-?\d+(\.\d{1,9})?$/.test(text)) return text;
  try {
    return seconds(now.getTime() - parseDuration(text) / 1e6);
  } catch {
    // a date, then
  }
  const m = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(
    text,
  );
  if (m !== null) {
    const [, day, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = m;
    const time = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
    if (!Number.isNaN(time)) return `${Math.trunc(time / 1000)}${fraction}`;
  }
  throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** @throws {Error} in the words of Go's strconv.ParseUint */
export function parseUnsigned(text: string, max: number): number {
  if (!/^\d+$/.test(text)) throw new Error(`strconv.ParseUint: parsing "${text}": invalid syntax`);
  if (Number(text) > max) throw new Error(`strconv.ParseUint: parsing "${text}": value out of range`);
  return Number(text);
}
