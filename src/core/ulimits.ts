import type { Ulimit } from './wire/container.ts';

/** Names of setrlimit(2), as `--ulimit` spells them. */
const NAMES = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** What is wrong with a limit, in docker's words. */
export function ulimitFault({ Name, Soft, Hard }: Ulimit): string | undefined {
  if (!NAMES.has(Name)) return `invalid ulimit type: ${Name}`;
  if (Hard === -1 || (Soft !== -1 && Soft <= Hard)) return undefined;
  return `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`;
}

/** Whether no group can have this as its parent. */
export function isOddCgroupParent(path: string): boolean {
  const names = path.split('/');
  return path.length > 2000 || path.includes('\n') || names.some((n) => n === '..' || Buffer.byteLength(n) > 255);
}

/** `--ulimit nofile=1024:2048`; -1 is unlimited. @throws {Error} in docker's words */
export function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf('=');
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  const values = text.slice(equals + 1).split(':');
  if (values.length > 2) {
    throw new Error(
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    );
  }
  const wrong = values.find((v) => !/^[+-]?\d+$/.test(v));
  if (wrong !== undefined) throw new Error(`strconv.ParseInt: parsing "${wrong}": invalid syntax`);
  const soft = Number(values[0]);
  const hard = Number(values[1] ?? soft);
  const limit = { Name: name, Soft: soft, Hard: hard };
  const fault = ulimitFault(limit);
  if (fault !== undefined) throw new Error(fault);
  return limit;
}
