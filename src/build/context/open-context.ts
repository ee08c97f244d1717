import { mkdtemp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { unpackArchive } from '../../storage/index.ts';
import { badContext, dockerfileMissing } from '../errors.ts';
import { decompressed } from '../files/decompress.ts';
import { TreeDigests } from '../files/digest-tree.ts';
import { clamp, resolveInRoot } from '../files/in-root.ts';
import type { BuildExtras } from '../contract.ts';
import type { IgnoreRules } from './ignore.ts';
import { parseIgnore } from './ignore.ts';

/** The files of a build, unpacked. Disposing removes them. */
export interface BuildContext extends AsyncDisposable {
  readonly root: string;
  readonly digests: TreeDigests;
  /** Text of the Dockerfile, read before `.dockerignore` could take it away. */
  readonly dockerfile: string;
  readonly ignored: IgnoreRules;
  /** What came with the context but is no part of it: values by ID, directories by name. */
  readonly side: { readonly secrets: Readonly<Record<string, Uint8Array>>; directory(name: string): string };
}

type ContextExtras = Pick<BuildExtras, 'sideDirectory' | 'dockerfileText' | 'ignoreText'>;

/**
 * Unpacks a context below `scratch` and drops what its `.dockerignore` excludes. Owners say nothing here: files of a
 * context are root's wherever they are copied to.
 * @param dockerfile path in the context; `Dockerfile` falls back to `dockerfile`
 * @throws {WharfError} `BAD_CONTEXT`, `DOCKERFILE_MISSING`; nothing is left then
 */
export async function openContext(
  tar: Readable,
  dockerfile: string,
  scratch: string,
  signal: AbortSignal,
  { sideDirectory: sideName = '', dockerfileText, ignoreText }: ContextExtras = {},
): Promise<BuildContext> {
  await using undo = new AsyncDisposableStack();
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(scratch, 'context-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const root = join(directory, 'files');
  await mkdir(root, { mode: 0o755 });
  await unpack(tar, root, signal);
  const side = join(directory, 'side');
  if (sideName !== '' && !sideName.includes('/')) await renameIfThere(join(root, sideName), side);
  const secrets = await takeSecrets(join(side, 'secrets'));
  const text =
    dockerfileText ??
    (await readText(root, dockerfile)) ??
    (dockerfile === 'Dockerfile' ? await readText(root, 'dockerfile') : undefined);
  if (text === undefined) throw dockerfileMissing({ name: dockerfile });
  const rules = parseIgnore(ignoreText ?? (await readText(root, '.dockerignore')) ?? '');
  if (!rules.empty) await prune(root, '', (path) => rules.excludes(path), signal);
  const kept = undo.move();
  return {
    root,
    digests: new TreeDigests(root, { owners: false }),
    dockerfile: text,
    ignored: rules,
    side: { secrets, directory: (name) => join(side, 'contexts', resolveInRoot(join(side, 'contexts'), clamp(name))) },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The stream is read to its end or left where it failed, but not destroyed: its connection has the answer to carry. */
async function unpack(tar: Readable, root: string, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([unpackArchive(decompressed(tar), root, signal), aborted]);
  } catch (e) {
    signal.throwIfAborted();
    if (badContext.is(e)) throw e;
    throw badContext({ reason: messageOf(e) }, { cause: e });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Reads values into memory and takes them off the disk. */
async function takeSecrets(directory: string): Promise<Record<string, Uint8Array>> {
  const names = await readdir(directory).catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT') return [];
    throw e;
  });
  const found: Record<string, Uint8Array> = {};
  for (const name of names) found[decodeURIComponent(name)] = await readFile(join(directory, name));
  await rm(directory, { recursive: true, force: true });
  return found;
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
  }
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
