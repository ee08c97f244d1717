import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stepFailed } from '../errors.ts';
import { FileTree } from '../files/file-tree.ts';
import { resolveInRoot, statOf } from '../files/in-root.ts';
import { type Selected, selectMade } from './select-sources.ts';

const GIT_SOURCE = /^(git:\/\/|git@|ssh:\/\/git@)|^https?:\/\/[^#?]+\.git\/?([#?]|$)/;

export function isGitSource(word: string): boolean {
  return GIT_SOURCE.test(word);
}

/**
 * Fetches the repository of an ADD, one commit deep, into `scratch`: `url#ref:directory`.
 * @throws {WharfError} `BUILD_STEP_FAILED` with git's words, or if the commit is not the one that `checksum` says
 */
export async function fetchGitSource(
  word: string,
  options: { readonly scratch: string; readonly keepGitDirectory: boolean; readonly checksum: string | undefined },
  signal: AbortSignal,
): Promise<Selected> {
  const { scratch, keepGitDirectory, checksum } = options;
  const [url = '', fragment = ''] = word.split(/#(.*)/s);
  const [ref = '', directory = ''] = fragment.split(/:(.*)/s);
  const git = (...args: string[]) => runGit(word, ['-C', scratch, ...args], signal);
  await git('init', '--quiet');
  await git('remote', 'add', 'origin', url);
  try {
    await git('fetch', '--quiet', '--depth', '1', 'origin', '--', ref || 'HEAD');
    await git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  } catch (e) {
    if (ref === '' || signal.aborted) throw e;
    // A server may refuse to give a commit that is no tip: then everything is fetched.
    try {
      await git('fetch', '--quiet', '--tags', 'origin');
      await git('checkout', '--quiet', '--detach', ref, '--');
    } catch {
      throw e; // what the server said about this ref tells more
    }
  }
  const commit = (await git('rev-parse', 'HEAD')).trim();
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw stepFailed({ message: `digest mismatch for ${word}: ${commit} (expected: ${checksum})` });
  }
  await git('submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1');
  if (!keepGitDirectory) await rm(join(scratch, '.git'), { recursive: true, force: true });
  const inside = resolveInRoot(scratch, directory);
  if (!statOf(join(scratch, inside))?.isDirectory()) {
    throw stepFailed({ message: `ADD failed: ${word}: ${directory} is no directory of the repository` });
  }
  // Git's own files hold times: the commit stands for all of it.
  const known = keepGitDirectory ? { digest: commit } : {};
  return selectMade(new FileTree(scratch), inside, { name: '', archive: false, ...known });
}

async function runGit(word: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn('git', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'http:https:git:ssh' },
    signal,
  });
  let said = '';
  let failure = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (failure += text));
  child.once('error', (e) => {
    reject(
      signal.aborted ? signal.reason : stepFailed({ message: `ADD failed: ${word}: git is needed: ${e.message}` }),
    );
  });
  child.once('close', (code) => {
    if (code === 0) resolve(said);
    else reject(stepFailed({ message: `ADD failed: ${word}: ${failure.trim()}` }));
  });
  return promise;
}
