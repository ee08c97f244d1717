import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';

/**
 * What the kernel and the disk hold at a moment, as sorted lists of names, so that a test can say what was left behind.
 * Other daemons may work on the machine meanwhile: what carries another instance's mark does not count, all else does.
 */
export interface Census {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly namespaces: readonly string[];
  readonly tables: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  readonly temporaryFiles: readonly string[];
}

export interface CensusOptions {
  /** Directories of the test: their temporary files are counted (`tmp`, `ingest`, `*.tmp` at any depth). */
  readonly roots?: readonly string[];
  /** Instances (six digits of the data root's hash) that are the test's own. */
  readonly instances?: readonly string[];
}

export function takeCensus(options: CensusOptions = {}): Census {
  const roots = options.roots ?? [];
  const isForeign = (name: string) => {
    const mark = /wharf[:_-]([0-9a-f]{6})\b/.exec(name)?.[1];
    if (mark !== undefined) return !(options.instances ?? []).includes(mark);
    const path = /^\/(?:tmp|dev\/shm|run\/wharf|var\/lib\/wharf|mnt)\/?[^ ]*/.exec(name)?.[0];
    return path !== undefined && !roots.some((root) => path.startsWith(root));
  };
  const ours = (names: readonly string[]) => names.filter((name) => !isForeign(name)).sort();
  return {
    mounts: ours(mounts()),
    links: links(isForeign),
    namespaces: networkNamespaces(isForeign),
    tables: ours(tables()),
    cgroups: ours(cgroups()),
    processes: strayProcesses(options.roots ?? []),
    temporaryFiles: (options.roots ?? []).flatMap(temporaryFiles).sort(),
  };
}

/** Fails with the names of what is there now and was not before. Things that went away are no leftovers. */
export function assertNothingLeft(before: Census, after: Census): void {
  const left: Record<string, readonly string[]> = {};
  for (const key of Object.keys(before) as (keyof Census)[]) {
    const known = new Map<string, number>();
    for (const name of before[key]) known.set(name, (known.get(name) ?? 0) + 1);
    const extra = after[key].filter((name) => {
      const count = known.get(name) ?? 0;
      known.set(name, count - 1);
      return count <= 0;
    });
    if (extra.length > 0) left[key] = extra;
  }
  assert.deepEqual(left, {}, `left behind: ${JSON.stringify(left, null, 2)}`);
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(' ');
      return `${fields[4]} ${fields[fields.indexOf('-') + 1]}`;
    })
    .sort();
}

/** Links by name. A veth end in a bridge goes with its bridge: that carries the mark, as its alias. */
function links(isForeign: (name: string) => boolean): string[] {
  const aliasOf = (link: string) => read(`/sys/class/net/${link}/ifalias`);
  const masterOf = (link: string) => /INTERFACE=(.*)/.exec(read(`/sys/class/net/${link}/master/uevent`))?.[1];
  return readdirSync('/sys/class/net')
    .filter((link) => !isForeign(aliasOf(link)) && !isForeign(aliasOf(masterOf(link) ?? link)))
    .sort();
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Namespaces that are held by a mount, or by a process that no instance's cgroup or mount claims, by inode. */
function networkNamespaces(isForeign: (name: string) => boolean): string[] {
  const found = new Set<string>();
  const foreign = new Set<string>();
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const inode = /net:\[\d+\]/.exec(line)?.[0];
    if (inode !== undefined) (isForeign(line.split(' ')[4] ?? '') ? foreign : found).add(inode);
  }
  for (const pid of pids()) {
    try {
      const inode = readlinkSync(`/proc/${pid}/ns/net`);
      if (read(`/proc/${pid}/cgroup`).split('\n').some(isForeign)) foreign.add(inode);
      found.add(inode);
    } catch {
      // The process has ended meanwhile.
    }
  }
  return [...found].filter((inode) => !foreign.has(inode)).sort();
}

function tables(): string[] {
  try {
    const out = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return out.split('\n').filter(Boolean).sort();
  } catch {
    return [];
  }
}

/** Cgroups below any hierarchy whose path names one of our instances. */
function cgroups(): string[] {
  const found: string[] = [];
  const walk = (dir: string, depth: number) => {
    if (depth > 4 || !existsSync(dir)) return;
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = join(dir, entry.name);
      if (path.includes('wharf')) found.push(path);
      walk(path, depth + 1);
    }
  };
  walk('/sys/fs/cgroup', 0);
  return found.sort();
}

function pids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** Processes whose command line names one of the roots. */
function strayProcesses(roots: readonly string[]): string[] {
  const found: string[] = [];
  for (const pid of pids()) {
    if (Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (roots.some((root) => command.includes(root))) found.push(command);
    } catch {
      // The process has ended meanwhile.
    }
  }
  return found.sort();
}

function temporaryFiles(root: string): string[] {
  const found: string[] = [];
  const walk = (dir: string, temporary: boolean, depth: number) => {
    if (depth > 4 || !existsSync(dir)) return;
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      const isTemporary = temporary || /^(tmp|ingest)$|\.tmp$/.test(entry.name);
      if (entry.isDirectory()) walk(path, isTemporary, depth + 1);
      else if (isTemporary) found.push(path);
    }
  };
  walk(root, false, 0);
  return found;
}
