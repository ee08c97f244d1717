import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { defineError, errnoOf } from '../../core/errors.ts';
import type { ResolvedUser } from './input.ts';

/** The user or group is not in the container's own files, or its number is out of range. */
export const unknownUser = defineError('UNKNOWN_USER', 'invalid', (f: { message: string }) => f.message);

const MAX_ID = 2 ** 31 - 1;
const MAX_LINKS = 40;

/**
 * `user[:group]` by the rootfs' own /etc/passwd and /etc/group, read without following links out of it. A number that is in
 * neither is taken as it is. Supplementary groups come from the group file when no group is named, and from `groupAdd`.
 * @param user `''` is root
 * @throws {WharfError} `UNKNOWN_USER`
 */
export function resolveUser(rootfs: string, user: string, groupAdd: readonly string[]): ResolvedUser {
  const colon = user.indexOf(':');
  const wanted = colon < 0 ? user : user.slice(0, colon);
  const wantedGroup = colon < 0 ? '' : user.slice(colon + 1);
  const passwd = rows(rootfs, '/etc/passwd', 6);
  const groups = rows(rootfs, '/etc/group', 4);

  const name = wanted === '' ? '0' : wanted;
  const number = asId(name);
  const row = passwd.find((r) => r[0] === name) ?? passwd.find((r) => number !== undefined && Number(r[2]) === number);
  if (row === undefined && number === undefined) {
    throw unknownUser({ message: `unable to find user ${wanted}: no matching entries in passwd file` });
  }
  const uid = row === undefined ? (number ?? 0) : Number(row[2]);
  const home = row?.[5] || '/';
  const additional = new Set<number>();
  let gid = row === undefined ? 0 : Number(row[3]);
  if (wantedGroup !== '') gid = groupId(groups, wantedGroup);
  else if (row !== undefined) {
    for (const group of groups) {
      if (group[3]?.split(',').includes(row[0] ?? '') && Number(group[2]) !== gid) additional.add(Number(group[2]));
    }
  }
  for (const extra of groupAdd) additional.add(groupId(groups, extra));
  return { uid, gid, additionalGids: [...additional].sort((a, b) => a - b), home };
}

function groupId(groups: readonly (readonly string[])[], wanted: string): number {
  const byName = groups.find((row) => row[0] === wanted);
  if (byName !== undefined) return Number(byName[2]);
  const number = asId(wanted);
  if (number === undefined) {
    throw unknownUser({ message: `unable to find group ${wanted}: no matching entries in group file` });
  }
  return number;
}

function asId(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined;
  const number = Number(text);
  if (number < 0 || number > MAX_ID) throw unknownUser({ message: `uids and gids must be in range 0-${MAX_ID}` });
  return number;
}

/** Lines that have at least the fields asked for, with numbers where numbers belong. */
function rows(rootfs: string, path: string, fields: number): string[][] {
  return (readInside(rootfs, path) ?? '')
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((row) => row.length >= fields && row[0] !== '' && /^\d+$/.test(row[2] ?? ''));
}

/** Reads a file below `rootfs` as a process inside would see it: links, also absolute ones, stay inside. */
function readInside(rootfs: string, path: string): string | undefined {
  let left = path.split('/').filter((part) => part !== '');
  let at = '/';
  let links = 0;
  try {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      const next = resolve(at, part);
      const link = part === '..' || part === '.' ? undefined : linkAt(join(rootfs, next));
      if (link === undefined) {
        at = next;
        continue;
      }
      if (++links > MAX_LINKS) return undefined;
      left = [...link.split('/').filter((word) => word !== ''), ...left];
      at = link.startsWith('/') ? '/' : dirname(next);
    }
    // Anything else (a FIFO, a device) could hold us up for ever.
    const file = join(rootfs, at);
    return lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined;
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ENOTDIR' || errnoOf(e) === 'EISDIR') return undefined;
    throw e;
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (e) {
    if (errnoOf(e) === 'EINVAL') return undefined;
    throw e;
  }
}
