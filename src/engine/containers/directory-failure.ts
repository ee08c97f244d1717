import { statSync } from 'node:fs';
import { errnoOf, messageOf, WharfError } from '../../core/errors.ts';
import { resolveInRoot } from './rootfs-path.ts';

/**
 * The kernel says "permission denied" of a directory that is to be run; Docker says what it is. Any other error, and that of
 * any other program, is given back as it was.
 * @param root of the container, mounted
 */
export function namingDirectory(error: unknown, program: string, root: string | undefined): unknown {
  const words = `exec: ${JSON.stringify(program)}: `;
  const text = messageOf(error);
  if (!(error instanceof WharfError) || root === undefined || !program.startsWith('/')) return error;
  if (!text.includes(`${words}permission denied`) || !isDirectory(root, program)) return error;
  return new WharfError(error.code, error.kind, text.replace(words, `${words}is a directory: `), error.context);
}

function isDirectory(root: string, path: string): boolean {
  try {
    return statSync(resolveInRoot(root, path)).isDirectory();
  } catch (e) {
    if (errnoOf(e) === undefined) throw e;
    return false;
  }
}
