import { watch as watchPath } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { IgnorePatterns } from '../../client/index.ts';
import type { WatchTrigger } from '../model/service.ts';

/** So long nothing may change before what changed is looked at, in milliseconds. */
const QUIET_MS = 500;

/** Never of interest: what git and editors leave about. */
const ALWAYS = [
  '.git',
  '**/.git',
  '**/*.swp',
  '**/*.swx',
  '**/*~',
  '**/.#*',
  '**/#*#',
  '**/4913',
  '**/*___jb_tmp___',
  '**/*___jb_old___',
  '**/.*.kate-swp',
].join('\n');

/** Tells whether a trigger cares for a path (absolute). */
export type Matcher = (path: string) => boolean;

/** `ignore` and `include` are relative to the trigger's path, `.dockerignore` to the build context. */
export async function matcherOf(trigger: WatchTrigger, context: string | undefined): Promise<Matcher> {
  const own = IgnorePatterns.parse([ALWAYS, ...(trigger.ignore ?? [])].join('\n'));
  const included = trigger.include?.length ? IgnorePatterns.parse(trigger.include.join('\n')) : undefined;
  const text =
    context === undefined ? '' : await readFile(posix.join(context, '.dockerignore'), 'utf8').catch(() => '');
  const ofContext = IgnorePatterns.parse(text);
  return (path) => {
    const relative = posix.relative(trigger.path, path);
    if (relative.startsWith('..')) return false;
    if (relative !== '' && own.ignores(relative)) return false;
    if (included && relative !== '' && !included.ignores(relative)) return false;
    const inContext = context === undefined ? '..' : posix.relative(context, path);
    return inContext === '' || inContext.startsWith('..') || !ofContext.ignores(inContext);
  };
}

/** Sets of paths that changed, each set after a moment of quiet, until aborted. */
export async function* changes(paths: readonly string[], signal: AbortSignal): AsyncGenerator<Set<string>> {
  let pending = new Set<string>();
  let wake: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  let failure: unknown;
  const watchers = paths.map((path) => {
    const watcher = watchPath(path, { recursive: true, persistent: true }, (_event, name) => {
      // Of a watched file the name is its own.
      pending.add(name === null || name === posix.basename(path) ? path : posix.join(path, name));
      clearTimeout(timer);
      timer = setTimeout(() => wake(), QUIET_MS);
    });
    watcher.on('error', (e) => {
      failure = e;
      wake();
    });
    return watcher;
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (failure !== undefined) throw failure;
      if (pending.size === 0) continue;
      const found = pending;
      pending = new Set();
      yield found;
    }
  } finally {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    signal.removeEventListener('abort', onAbort);
  }
}

/** A file, folder or link to be put into containers. */
export interface Entry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly mtime: Date;
  readonly content: Buffer;
  readonly link: string;
}

/** What is at a path, or `undefined` if it is gone or no plain file. */
export async function entryAt(path: string): Promise<Entry | undefined> {
  try {
    const stat = await lstat(path);
    const common = { path, mode: stat.mode & 0o7777, mtime: stat.mtime, content: Buffer.alloc(0), link: '' };
    if (stat.isDirectory()) return { ...common, kind: 'directory' };
    if (stat.isSymbolicLink()) return { ...common, kind: 'symlink', link: await readlink(path) };
    return stat.isFile() ? { ...common, kind: 'file', content: await readFile(path) } : undefined;
  } catch {
    return undefined;
  }
}

/** All paths at and below one that the matcher wants. */
export async function pathsBelow(path: string, wanted: Matcher): Promise<string[]> {
  const found: string[] = [];
  const visit = async (at: string): Promise<void> => {
    if (!wanted(at)) return;
    const stat = await lstat(at).catch(() => undefined);
    if (!stat) return;
    if (at !== path || !stat.isDirectory()) found.push(at);
    if (stat.isDirectory()) for (const name of await readdir(at)) await visit(posix.join(at, name));
  };
  await visit(path);
  return found;
}
