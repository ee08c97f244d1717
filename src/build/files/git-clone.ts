import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface GitClone {
  readonly url: string;
  /** Branch, tag or commit; `''`: the default branch. */
  readonly ref: string;
  /** An empty directory. */
  readonly into: string;
  readonly keepGitDirectory: boolean;
  /** @param said git's words */
  readonly failed: (said: string) => Error;
}

/**
 * Fetches a repository with its submodules, one commit deep.
 * @returns the commit
 * @throws {Error} of `failed`; the abort's reason
 */
export async function cloneRepository(
  { url, ref, into, keepGitDirectory, failed }: GitClone,
  signal: AbortSignal,
): Promise<string> {
  const git = (...args: string[]) => runGit(['-C', into, ...args], failed, signal);
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
  await git('submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1');
  if (!keepGitDirectory) await rm(join(into, '.git'), { recursive: true, force: true });
  return commit;
}

async function runGit(args: readonly string[], failed: GitClone['failed'], signal: AbortSignal): Promise<string> {
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
  child.once('error', (e) => reject(signal.aborted ? signal.reason : failed(`git is needed: ${e.message}`)));
  child.once('close', (code) => {
    if (code === 0) resolve(said);
    else reject(failed(failure.trim()));
  });
  return promise;
}
