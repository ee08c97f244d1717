import { posix } from 'node:path';
import { nearest } from '../../core/nearest.ts';
import { stepFailed } from '../errors.ts';
import type { FileTree } from '../files/file-tree.ts';
import { clamp } from '../files/in-root.ts';
import type { Session } from './session.ts';

/** Where a path was looked for. */
export interface MissingIn {
  readonly tree: Pick<FileTree, 'names' | 'resolve'>;
  /** The build context, not a stage or an image. */
  readonly isContext: boolean;
}

/**
 * The error for a path that is not there: which line of `.dockerignore` excludes it, or what the nearest name is.
 * @param classic what the classic builder says of it
 */
export async function missingSource(
  written: string,
  where: MissingIn,
  { context, request, style }: Pick<Session, 'context' | 'request' | 'style'>,
  classic: string,
): Promise<Error> {
  const path = clamp(written);
  const message =
    style === 'buildkit' ? `failed to compute cache key: ${JSON.stringify(`/${path}`)}: not found` : classic;
  const fail = (hint: string) => stepFailed({ message: message + hint });
  const rule = where.isContext ? context.ignored.excluding(path) : undefined;
  if (rule !== undefined) return fail(`: line ${rule.line} of .dockerignore excludes it: ${rule.text}`);
  if (where.isContext && posix.normalize(written).startsWith('..')) {
    return fail(`: ${written} leads out of the build context, where "/" is its top`);
  }
  const ask = where.isContext ? request.extras?.ask : undefined;
  const namesIn = async (directory: string): Promise<readonly string[]> => {
    const all = [...where.tree.names(where.tree.resolve(directory)), ...((await ask?.contextNames?.(directory)) ?? [])];
    return all.filter((name) => !where.isContext || !context.ignored.excludes(posix.join(directory, name)));
  };
  const near = await nearestPath(path, namesIn);
  return fail(near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`);
}

/** The path with its first part that is not there put right, as far as the rest is there then. */
async function nearestPath(
  path: string,
  namesIn: (directory: string) => Promise<readonly string[]>,
): Promise<string | undefined> {
  const parts = path.split('/');
  let at = '';
  let changed = false;
  for (const part of parts) {
    const names = await namesIn(at);
    const found = names.includes(part) ? part : nearest(part, names);
    if (found === undefined) return changed ? at : undefined;
    changed ||= found !== part;
    at = posix.join(at, found);
  }
  return changed ? at : undefined;
}
