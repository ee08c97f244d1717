import { spawn } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { messageOf } from '../../core/errors.ts';
import { ExitError } from '../errors.ts';

export interface GitSource {
  readonly url: string;
  /** Branch, tag or commit; `''`: the default branch. */
  readonly ref: string;
  readonly subdirectory: string;
}

/** A context that is fetched: `https://host/r.git#ref:dir`, `git@host:path`, `github.com/o/r`; `undefined` if it is no git source. */
export function parseGitSource(text: string): GitSource | undefined {
  const isGit =
    /^(git|ssh):\/\//.test(text) ||
    /^[\w.-]+@[\w.-]+:/.test(text) ||
    text.startsWith('github.com/') ||
    /^https?:\/\/[^#?]+\.git\/?([#?]|$)/.test(text);
  if (!isGit) return undefined;
  const [beforeFragment = '', fragment = ''] = text.split(/#(.*)/s);
  const [bare = '', query = ''] = beforeFragment.split(/\?(.*)/s);
  const url = bare.startsWith('github.com/') ? `https://${bare}` : bare;
  const [ref = '', subdirectory = ''] = fragment.split(/:(.*)/s);
  const asked = new URLSearchParams(query);
  const named =
    asked.get('ref') ?? asked.get('commit') ?? asked.get('checksum') ?? asked.get('branch') ?? asked.get('tag');
  return { url, ref: ref || (named ?? ''), subdirectory: subdirectory || (asked.get('subdir') ?? '') };
}

/**
 * Clones a repository into a temporary directory, one commit deep; `undo` removes it.
 * @returns the directory to build
 * @throws {ExitError} with git's words
 */
export async function cloneContext(
  source: GitSource,
  keepGitDirectory: boolean,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wharf-git-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const git = (...args: string[]) => runGit(['-C', directory, ...args], signal);
  await git('init', '--quiet');
  await git('remote', 'add', 'origin', source.url);
  try {
    await git('fetch', '--quiet', '--depth', '1', 'origin', '--', source.ref || 'HEAD');
    await git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  } catch (e) {
    if (source.ref === '') throw e;
    // A server may refuse to give a commit that is no tip: then everything is fetched.
    try {
      await git('fetch', '--quiet', '--tags', 'origin');
      await git('checkout', '--quiet', '--detach', source.ref, '--');
    } catch {
      throw e; // what the server said about this ref tells more
    }
  }
  await git('submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1');
  if (!keepGitDirectory) await rm(join(directory, '.git'), { recursive: true, force: true });
  const root = await realpath(directory);
  const inside = await realpath(join(root, source.subdirectory)).catch(() => '');
  if (inside !== root && !inside.startsWith(`${root}/`)) {
    throw new ExitError(`unable to prepare context: ${source.subdirectory} is no directory of the repository`, 1);
  }
  return inside;
}

async function runGit(args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn('git', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    signal,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await new Promise<void>((resolve, reject) => {
    child.once('error', (e) => reject(new ExitError(`git is needed for this build context: ${e.message}`, 1, e)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new ExitError(
            `unable to prepare context: unable to 'git clone' to temporary context directory: ${said.trim()}`,
            1,
          ),
        );
    });
  });
}

/** The body of a URL: a tar, or one Dockerfile. @throws {ExitError} */
export async function fetchContext(url: string, signal: AbortSignal): Promise<Readable> {
  let response: Response;
  try {
    response = await fetch(url, { signal, redirect: 'follow' });
  } catch (e) {
    const cause = e instanceof Error && e.cause !== undefined ? messageOf(e.cause) : messageOf(e);
    throw new ExitError(`unable to download remote context ${url}: ${cause}`, 1, e);
  }
  if (!response.ok || response.body === null) {
    throw new ExitError(`unable to download remote context ${url}: ${response.status} ${response.statusText}`, 1);
  }
  return Readable.fromWeb(response.body as never);
}
