import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import { badContext } from '../errors.ts';

/** No times of access, and no number of this process: what is the same has the same bytes. */
const PLAIN_NAMES = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';

/**
 * A tree as a tar, names sorted, owners as numbers. The tree is given back when the tar was read to its end or destroyed.
 * @param options.entries what of it; `.` unless given
 * @param options.mtime for all, as `tar` reads it, instead of their own
 * Uses the program `tar`: it keeps extended attributes and hard links.
 */
export function tarOf(
  tree: AsyncDisposable & { readonly root: string },
  signal: AbortSignal,
  { entries = ['.'], mtime }: { readonly entries?: readonly string[]; readonly mtime?: string } = {},
): Readable {
  const child = spawn(
    'tar',
    [
      '--create',
      '--numeric-owner',
      '--sort=name',
      '--xattrs',
      '--xattrs-include=security.capability',
      ...(mtime === undefined ? [] : [`--mtime=${mtime}`, '--owner=0', '--group=0', PLAIN_NAMES]),
      '-C',
      tree.root,
      ...entries,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], signal },
  );
  const out = new PassThrough();
  let failure: Error | undefined;
  child.once('error', (e) => (failure = e));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdout.pipe(out, { end: false });
  out.once('close', () => child.kill('SIGKILL'));
  child.once('close', (code) => {
    tree[Symbol.asyncDispose]().then(
      () => {
        if (code === 0) out.end();
        else out.destroy(failure ?? badContext({ reason: `tar ended with ${code}: ${said.trim()}` }));
      },
      (e: unknown) => out.destroy(e instanceof Error ? e : new Error(String(e))),
    );
  });
  return out;
}
