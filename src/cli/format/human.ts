/** Sizes, ages and moments as people read them. Source: docker/go-units. */

/** Decimal units, at most `digits` significant digits: `12.3MB`. */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'], digits);
}

/** Binary units: `1.944MiB`. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'], 4);
}

function scaled(amount: number, base: number, units: readonly string[], digits: number): string {
  let value = amount;
  let i = 0;
  while (value >= base && i < units.length - 1) {
    value /= base;
    i++;
  }
  return `${significant(value, digits)}${units[i] ?? ''}`;
}

/** Go's %.Ng for numbers of ordinary size. */
function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  return String(Number(value.toPrecision(digits)));
}

/** `3 minutes`, `About an hour`; from seconds. */
export function humanDuration(seconds: number): string {
  const s = Math.trunc(seconds);
  if (s < 1) return 'Less than a second';
  if (s === 1) return '1 second';
  if (s < 60) return `${s} seconds`;
  const minutes = Math.trunc(s / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`;
}

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
