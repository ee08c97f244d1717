/** Ages and moments as people read them. */
import { humanDuration } from '../../core/human.ts';

export { binarySize, humanDuration, humanSize } from '../../core/human.ts';

/** `3 minutes ago`. */
export function ago(unixSeconds: number, now: Date): string {
  return `${humanDuration(now.getTime() / 1000 - unixSeconds)} ago`;
}

/** Go's default text for a time, in the local zone: `2026-11-21 04:04:07 +0000 UTC`. */
export function goTime(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  const shift = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + shift * 60_000).toISOString();
  const zone = `${shift < 0 ? '-' : '+'}${two(Math.abs(shift) / 60)}${two(Math.abs(shift) % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${zone} ${zoneName(date, zone)}`;
}

/** The same for an RFC 3339 text, with its fraction of a second: `2026-11-21 04:04:07.5 +0000 UTC`. */
export function goTimeOf(rfc3339: string): string {
  const fraction = (/\.(\d+)/.exec(rfc3339)?.[1] ?? '').replace(/0+$/, '');
  const text = goTime(Math.floor(Date.parse(rfc3339) / 1000));
  return fraction === '' ? text : text.replace(/^(\S+ \S+)/, `$1.${fraction}`);
}

/** Go's RFC 3339 text in the local zone, seconds: `2026-11-21T04:04:07Z`. */
export function rfc3339Local(unixSeconds: number): string {
  const [day, time, zone = '+0000'] = goTime(unixSeconds).split(' ');
  return `${day}T${time}${zone === '+0000' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`}`;
}

/** Cut to `length` characters, the last of which is an ellipsis if something was cut. */
export function ellipsis(text: string, length: number): string {
  const letters = Array.from(text);
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join('')}…`;
}

function two(n: number): string {
  return String(Math.trunc(n)).padStart(2, '0');
}

function zoneName(date: Date, offset: string): string {
  if (offset === '+0000') return 'UTC';
  const name = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find((p) => p.type === 'timeZoneName')?.value;
  return name === undefined || name.startsWith('GMT') ? offset : name;
}
