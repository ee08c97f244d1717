import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../core/errors.ts';
import { composeFailed } from '../errors.ts';

/** Whether a build context is fetched from elsewhere. */
export function isRemoteContext(context: string): boolean {
  return /^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/|file:\/\/)/.test(context);
}

export interface FetchedContext extends AsyncDisposable {
  readonly directory: string;
}

/**
 * Fetches a git repository, `URL[#REF[:SUBFOLDER]]`, into a folder of its own that is removed when it is disposed of.
 * @throws {WharfError} `COMPOSE_FAILED` if it cannot be fetched
 */
export async function fetchContext(context: string, signal: AbortSignal): Promise<FetchedContext> {
  const [address = '', fragment = ''] = context.split('#');
  const [reference = '', folder = '.'] = fragment.split(':');
  const url = address.startsWith('github.com/') ? `https://${address}` : address;
  if (/^https?:/.test(url) && !/\.git\/?$/.test(url) && !url.includes('github.com/')) {
    throw composeFailed({
      message: `the build context ${context} is no git repository: its address has to end in .git`,
    });
  }
  const root = await mkdtemp(posix.join(tmpdir(), 'wharf-context-'));
  const git = (...args: string[]) =>
    promisify(execFile)('git', ['-C', root, ...args], {
      signal,
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    });
  try {
    await git('init', '-q');
    await git('fetch', '-q', '--depth', '1', url, reference === '' ? 'HEAD' : reference);
    await git('checkout', '-q', 'FETCH_HEAD');
  } catch (e) {
    await rm(root, { recursive: true, force: true });
    const said = (e as { stderr?: string }).stderr?.trim();
    throw composeFailed(
      { message: `cannot fetch the build context ${context}: ${said || messageOf(e)}` },
      { cause: e },
    );
  }
  return {
    directory: posix.join(root, folder === '' ? '.' : posix.join('/', folder).slice(1) || '.'),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
