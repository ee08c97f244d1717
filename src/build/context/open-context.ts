import { mkdtemp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { spreadSubdirectories } from '../../linux/index.ts';
import { unpackArchive } from '../../storage/index.ts';
import type { BuildRequest } from '../contract.ts';
import { badContext, dockerfileMissing } from '../errors.ts';
import { decompressed } from '../files/decompress.ts';
import { removeLater } from '../files/file-threads.ts';
import { FileTree } from '../files/file-tree.ts';
import { clamp, resolveInRoot } from '../files/in-root.ts';
import type { KnownDirectories } from '../files/known-files.ts';
import { type ContextDirectory, openClaimed, openDirectory } from './context-directory.ts';
import type { IgnoreRules } from './ignore.ts';
import { parseIgnore } from './ignore.ts';
import { fetchRemote } from './remote.ts';

/** So many are not waited for when they are removed. */
const MANY_FILES = 1000;

/** The files of a build. Disposing removes what was made for them. */
export interface BuildContext extends AsyncDisposable {
  readonly files: FileTree;
  /** A directory that lasts as long as the build. */
  readonly scratch: string;
  /** Text of the Dockerfile, read before `.dockerignore` could take it away. */
  readonly dockerfile: string;
  readonly ignored: IgnoreRules;
  /** What came with the context but is no part of it: values by ID, directories by name. */
  readonly side: { readonly secrets: Readonly<Record<string, Uint8Array>>; directory(name: string): FileTree };
}

type ContextRequest = Pick<BuildRequest, 'context' | 'remote' | 'dockerfile' | 'extras' | 'client' | 'buildArgs'>;

interface Places {
  /** For contexts and other files of a build under way. */
  readonly temporary: string;
  readonly known: KnownDirectories;
}

/**
 * Opens what is to be built: a tar that is unpacked below `temporary`, or a directory that is read where it is. What its
 * `.dockerignore` excludes is not seen. Owners say nothing here: files of a context are root's wherever they are copied to.
 * @throws {WharfError} `BAD_CONTEXT`, `DOCKERFILE_MISSING`, `CONTEXT_NOT_HERE`; nothing is left then
 */
export async function openContext(
  { context: tar, remote, dockerfile, extras = {}, client, buildArgs }: ContextRequest,
  { temporary, known }: Places,
  signal: AbortSignal,
): Promise<BuildContext> {
  await using undo = new AsyncDisposableStack();
  const { '': claim, ...named } = extras.directories ?? {};
  const own = extras.ownDirectory;
  const claimed = (c: typeof claim) => undo.use(openClaimed(client ?? {}, c ?? { fd: -1, stat: '', boot: '' }));
  const inPlace = claim !== undefined ? claimed(claim) : own === undefined ? undefined : undo.use(openDirectory(own));
  const others = new Map(Object.entries(named).map(([name, c]) => [name, claimed(c)]));

  await mkdir(temporary, { recursive: true, mode: 0o700 });
  spreadSubdirectories(temporary);
  const scratch = await mkdtemp(join(temporary, 'context-'));
  let digests: ReadonlyMap<string, string> = new Map();
  undo.defer(() => {
    if (digests.size > MANY_FILES) removeLater(scratch);
    else return rm(scratch, { recursive: true, force: true });
  });
  const unpacked = join(scratch, 'files');
  await mkdir(unpacked, { mode: 0o755 });
  digests = await unpack(tar, unpacked, signal);
  const sideName = extras.sideDirectory ?? '';
  const side = join(scratch, 'side');
  if (sideName !== '' && !sideName.includes('/')) await renameIfThere(join(unpacked, sideName), side);
  const secrets = await takeSecrets(join(side, 'secrets'));

  const unpackFetched = async (body: Readable, into: string): Promise<void> => {
    digests = await unpack(body, into, signal);
  };
  const keepGitDirectory = /^(1|t|true)$/i.test(buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? '');
  const fetching = { unpack: unpackFetched, keepGitDirectory };
  const fetched =
    remote === undefined ? undefined : await fetchRemote(remote, join(scratch, 'remote'), fetching, signal);
  const root = inPlace?.root ?? fetched?.root ?? unpacked;
  const text =
    extras.dockerfileText ??
    fetched?.dockerfile ??
    (await readText(side, 'dockerfile')) ??
    (await readText(root, dockerfile)) ??
    (dockerfile === 'Dockerfile' ? await readText(root, 'dockerfile') : undefined);
  if (text === undefined) throw dockerfileMissing({ name: dockerfile });
  const ignore = extras.ignoreText ?? (await readText(side, 'ignore')) ?? (await readText(root, '.dockerignore'));
  const rules = parseIgnore(ignore ?? '');

  const liveTree = (directory: ContextDirectory, ignored: IgnoreRules): FileTree => {
    const files = known.open(directory.identity);
    undo.defer(() => known.close(directory.identity));
    return new FileTree(directory.root, { owners: false, ignored, live: { ...directory, known: files, scratch } });
  };
  const files =
    inPlace === undefined ? new FileTree(root, { owners: false, ignored: rules, digests }) : liveTree(inPlace, rules);
  const here = new Map<string, FileTree>();
  for (const [name, directory] of others) {
    here.set(name, liveTree(directory, parseIgnore((await readText(directory.root, '.dockerignore')) ?? '')));
  }
  const sent = join(side, 'contexts');
  const kept = undo.move();
  return {
    files,
    scratch,
    dockerfile: text,
    ignored: rules,
    side: {
      secrets,
      directory: (name) => {
        const live = here.get(name);
        if (live !== undefined) return live;
        return new FileTree(join(sent, resolveInRoot(sent, clamp(name))), { owners: false });
      },
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** @returns digests by path, see `unpackArchive`. The stream is read to its end or left where it failed, but not destroyed: its connection has the answer to carry. */
async function unpack(tar: Readable, root: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([unpackArchive(decompressed(tar), root, signal), aborted]);
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
