import { resolveHostPath, VolumeError } from './short-volumes.ts';
import type { Tree } from './tree.ts';
import type { Shape, Where } from './shape.ts';
import { invalidAt, string } from './shape.ts';

/** A path on the host, made absolute. */
export const path: Shape<string> = {
  read: (tree, where) => guarded(tree, where, () => resolveHostPath(string.read(tree, where), where)),
};

export function guarded<T>(tree: Tree, where: Where, read: () => T): T {
  try {
    return read();
  } catch (e) {
    if (e instanceof VolumeError) throw invalidAt(tree, `${where.path}: ${e.message}`);
    throw e;
  }
}
