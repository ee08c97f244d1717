import { join } from 'node:path';
import { stepFailed } from '../errors.ts';
import { FileTree } from '../files/file-tree.ts';
import { cloneRepository } from '../files/git-clone.ts';
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
  const failed = (said: string) => stepFailed({ message: `ADD failed: ${word}: ${said}` });
  const commit = await cloneRepository({ url, ref, into: scratch, keepGitDirectory, failed }, signal);
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw stepFailed({ message: `digest mismatch for ${word}: ${commit} (expected: ${checksum})` });
  }
  const inside = resolveInRoot(scratch, directory);
  if (!statOf(join(scratch, inside))?.isDirectory()) {
    throw stepFailed({ message: `ADD failed: ${word}: ${directory} is no directory of the repository` });
  }
  // Git's own files hold times: the commit stands for all of it.
  const known = keepGitDirectory ? { digest: commit } : {};
  return selectMade(new FileTree(scratch), inside, { name: '', archive: false, ...known });
}
