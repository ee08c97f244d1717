import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../core/errors.ts';
import { badContext } from '../errors.ts';
import { cloneRepository } from '../files/git-clone.ts';
import { resolveInRoot, statOf } from '../files/in-root.ts';

const GIT = /^(git|ssh):\/\/|^[\w.-]+@[\w.-]+:|^github\.com\/|^https?:\/\/[^#?]+\.git\/?(#|$)/;
const TAR_MAGIC_AT = 257;
/** First bytes of gzip, bzip2, xz, zstd. */
const COMPRESSED = ['1f8b', '425a68', 'fd377a58', '28b52ffd'];

export interface RemoteContext {
  readonly root: string;
  /** What the URL gave, if it was a Dockerfile and no tar. */
  readonly dockerfile: string | undefined;
}

interface RemoteOptions {
  readonly unpack: (tar: Readable, into: string) => Promise<void>;
  /** Of a git repository. */
  readonly keepGitDirectory: boolean;
}

/**
 * Fetches a context that a client names by URL (`POST /build?remote=`): a git repository (`URL#ref:directory`), a tar, or a
 * Dockerfile.
 * @param directory is made, and everything is put in it
 * @throws {WharfError} `BAD_CONTEXT`; the abort's reason
 */
export async function fetchRemote(
  remote: string,
  directory: string,
  { unpack, keepGitDirectory }: RemoteOptions,
  signal: AbortSignal,
): Promise<RemoteContext> {
  const failed = (why: string) => badContext({ reason: `${remote}: ${why}` });
  const files = join(directory, 'files');
  await mkdir(files, { recursive: true });
  if (GIT.test(remote)) {
    const [bare = '', fragment = ''] = remote.split(/#(.*)/s);
    const [ref = '', below = ''] = fragment.split(/:(.*)/s);
    const url = bare.startsWith('github.com/') ? `https://${bare}` : bare;
    await cloneRepository({ url, ref, into: files, keepGitDirectory, failed }, signal);
    const inside = resolveInRoot(files, below);
    if (!statOf(join(files, inside))?.isDirectory()) throw failed(`${below} is no directory of the repository`);
    return { root: join(files, inside), dockerfile: undefined };
  }
  if (!/^https?:\/\//.test(remote)) throw failed('an http, https or git URL is needed');
  const body = join(directory, 'body');
  try {
    const response = await fetch(remote, { signal, redirect: 'follow' });
    if (!response.ok) throw failed(`${response.status} ${response.statusText}`.trim());
    const stream = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as never);
    await pipeline(stream, createWriteStream(body, { mode: 0o600 }), { signal });
  } catch (e) {
    signal.throwIfAborted();
    if (badContext.is(e)) throw e;
    throw failed(messageOf(e instanceof Error && e.cause !== undefined ? e.cause : e));
  }
  if (!(await isTar(body))) return { root: files, dockerfile: await readFile(body, 'utf8') };
  await unpack(createReadStream(body), files);
  return { root: files, dockerfile: undefined };
}

async function isTar(path: string): Promise<boolean> {
  await using file = await open(path);
  const head = Buffer.alloc(TAR_MAGIC_AT + 5);
  await file.read(head, 0, head.length, 0);
  return (
    head.subarray(TAR_MAGIC_AT).toString('latin1') === 'ustar' ||
    COMPRESSED.some((magic) => head.toString('hex', 0, 4).startsWith(magic))
  );
}
