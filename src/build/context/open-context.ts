import { mkdtemp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf } from '../../core/errors.ts';
import { dockerfileMissing } from '../errors.ts';
import { extractTar } from '../files/extract-tar.ts';
import { TreeDigests } from '../files/digest-tree.ts';
import { clamp, resolveInRoot } from '../files/in-root.ts';
import { parseIgnore } from './ignore.ts';

/** The files of a build, unpacked. Disposing removes them. */
export interface BuildContext extends AsyncDisposable {
  readonly root: string;
  readonly digests: TreeDigests;
  /** Text of the Dockerfile, read before `.dockerignore` could take it away. */
  readonly dockerfile: string;
}

/**
 * Unpacks a context below `scratch` and drops what its `.dockerignore` excludes. Owners become root.
 * @param dockerfile path in the context; `Dockerfile` falls back to `dockerfile`
 * @throws {WharfError} `BAD_CONTEXT`, `DOCKERFILE_MISSING`; nothing is left then
 */
export async function openContext(
  tar: Readable,
  dockerfile: string,
  scratch: string,
  signal: AbortSignal,
): Promise<BuildContext> {
  await using undo = new AsyncDisposableStack();
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(scratch, 'context-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const root = join(directory, 'files');
  await mkdir(root, { mode: 0o755 });
  await extractTar(tar, { root, into: '', owner: { uid: 0, gid: 0 }, signal });
  const text =
    (await readText(root, dockerfile)) ??
    (dockerfile === 'Dockerfile' ? await readText(root, 'dockerfile') : undefined);
  if (text === undefined) throw dockerfileMissing({ name: dockerfile });
  const rules = parseIgnore((await readText(root, '.dockerignore')) ?? '');
  if (!rules.empty) await prune(root, '', (path) => rules.excludes(path), signal);
  const kept = undo.move();
  return { root, digests: new TreeDigests(root), dockerfile: text, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function readText(root: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(root, resolveInRoot(root, clamp(name))), 'utf8');
  } catch (e) {
    const errno = errnoOf(e);
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EISDIR') return undefined;
    throw e;
  }
}

/** Removes what is excluded. An excluded directory stays as long as something in it was taken back in by a `!` pattern. */
async function prune(
  root: string,
  path: string,
  excludes: (path: string) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let kept = false;
  for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
    signal.throwIfAborted();
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    const excluded = excludes(below);
    const holds = entry.isDirectory() && (await prune(root, below, excludes, signal));
    if (excluded && !holds) await rm(join(root, below), { recursive: true, force: true });
    else kept = true;
  }
  return kept;
}
