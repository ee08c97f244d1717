import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { IdMaps, IdRange } from '../../core/id-map.ts';
import { badOption } from './errors.ts';

/** Docker's name for the user that `default` stands for. */
const DEFAULT_USER = 'dockremap';
/** What a user gets who has no IDs of his own yet, and where the search for free ones begins: as useradd(8) has it. */
const RANGE_SIZE = 65536;
const FIRST_ID = 100_000;

/** User and group whose subordinate IDs containers get. */
interface Owners {
  readonly user: Entry;
  readonly group: Entry;
}
interface Entry {
  readonly name: string;
  readonly id: number;
}

/** Programs that change the lists of users; told apart for tests. */
export type RunProgram = (program: string, args: readonly string[]) => void;

/**
 * The mapping that `--userns-remap` asks for: `default`, `USER`, `UID`, `USER:GROUP`. Its IDs are those that /etc/subuid and
 * /etc/subgid give to that user and that group. For `default` the user `dockremap` is made if it is not there, and given IDs.
 * `undefined` for root, who cannot be mapped to himself.
 * @throws {WharfError} `BAD_OPTION`
 */
export function usernsRemap(setting: string, etc = '/etc', run: RunProgram = runProgram): IdMaps | undefined {
  const parts = setting.split(':');
  if (setting === '' || parts.length > 2 || parts.includes('')) {
    throw badOption({ message: `invalid user/group specification in userns-remap: "${setting}"` });
  }
  if (setting === 'default') makeDefaultUser(etc, run);
  const { user, group } = ownersOf(setting === 'default' ? [DEFAULT_USER] : parts, etc);
  if (user.name === 'root') return undefined;
  return {
    uids: consecutive(rangesOf(user, 'subuid', etc), user, 'subuid', etc),
    gids: consecutive(rangesOf(group, 'subgid', etc), group, 'subgid', etc),
  };
}

function ownersOf([userText = '', groupText]: readonly string[], etc: string): Owners {
  const user = find(userText, 'passwd', etc);
  if (user === undefined) throw missing('user', userText, 'passwd', etc);
  const wanted = groupText ?? (isNumber(userText) ? userText : user.name);
  const group = find(wanted, 'group', etc);
  if (group === undefined) throw missing('group', wanted, 'group', etc);
  return { user, group };
}

function missing(what: string, text: string, file: string, etc: string) {
  return badOption(
    { message: `userns-remap: there is no ${what} ${isNumber(text) ? text : `"${text}"`} in ${join(etc, file)}` },
    { hint: `use userns-remap=default, which makes the user ${DEFAULT_USER}, or name one that is there` },
  );
}

/** A line of /etc/passwd or /etc/group, by name or number. */
function find(text: string, file: 'passwd' | 'group', etc: string): Entry | undefined {
  for (const [name = '', , id = ''] of linesOf(join(etc, file))) {
    if (isNumber(text) ? id === String(Number(text)) : name === text) return { name, id: Number(id) };
  }
  return undefined;
}

/** All that a user or group has been given, in the order of the file; by name or by number. */
function rangesOf(owner: Entry, file: 'subuid' | 'subgid', etc: string): { start: number; size: number }[] {
  return linesOf(join(etc, file)).flatMap(([whose, start, size]) => {
    if (whose !== owner.name && whose !== String(owner.id)) return [];
    const range = { start: Number(start), size: Number(size) };
    if (!Number.isInteger(range.start) || !Number.isInteger(range.size) || range.size <= 0) {
      throw badOption({ message: `userns-remap: cannot read the ranges of ${whose} in ${join(etc, file)}` });
    }
    return [range];
  });
}

/** The ranges one after the other, from the container's 0 on. */
function consecutive(
  ranges: readonly { readonly start: number; readonly size: number }[],
  owner: Entry,
  file: string,
  etc: string,
): IdRange[] {
  if (ranges.length === 0) {
    throw badOption(
      { message: `userns-remap: no ${file} ranges found for "${owner.name}" in ${join(etc, file)}` },
      { hint: `add a line like ${owner.name}:${FIRST_ID}:${RANGE_SIZE} to it, with IDs that nobody else has` },
    );
  }
  let containerId = 0;
  return ranges.map(({ start, size }) => {
    const range = { containerId, hostId: start, size };
    containerId += size;
    return range;
  });
}

function makeDefaultUser(etc: string, run: RunProgram): void {
  try {
    if (find(DEFAULT_USER, 'passwd', etc) === undefined) {
      const group = find(DEFAULT_USER, 'group', etc) === undefined ? ['--user-group'] : ['--gid', DEFAULT_USER];
      run('useradd', ['--system', ...group, '--no-create-home', '--shell', '/bin/false', DEFAULT_USER]);
    }
    const user = find(DEFAULT_USER, 'passwd', etc);
    if (user === undefined) return;
    for (const [file, flag] of [
      ['subuid', '--add-subuids'],
      ['subgid', '--add-subgids'],
    ] as const) {
      if (rangesOf(user, file, etc).length > 0) continue;
      const first = firstFree(file, etc);
      run('usermod', [flag, `${first}-${first + RANGE_SIZE - 1}`, DEFAULT_USER]);
    }
  } catch (cause) {
    const why = errnoOf(cause) === 'ENOENT' ? 'useradd and usermod are needed (package passwd)' : messageOf(cause);
    throw badOption({ message: `userns-remap=default: the user ${DEFAULT_USER} could not be made: ${why}` }, { cause });
  }
}

/** The first place with room for a range behind or between those that others have. */
function firstFree(file: 'subuid' | 'subgid', etc: string): number {
  const taken = linesOf(join(etc, file))
    .map(([, start, size]) => ({ start: Number(start), end: Number(start) + Number(size) }))
    .sort((a, b) => a.start - b.start);
  let first = FIRST_ID;
  for (const { start, end } of taken) if (start < first + RANGE_SIZE && end > first) first = end;
  return first;
}

function linesOf(path: string): string[][] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function runProgram(program: string, args: readonly string[]): void {
  execFileSync(program, [...args], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
}
