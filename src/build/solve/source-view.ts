import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainId } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';
import type { Storage } from '../../storage/index.ts';
import { statOf } from '../files/in-root.ts';
import type { Scratch } from './snapshot.ts';
import { openScratch } from './snapshot.ts';

/**
 * The files of a stack, to copy from: exactly its layers'. Every snapshot has mount points below them that no image has
 * (`/.dockerenv`, `/etc/hosts`); they are taken out of this view, so that `COPY --from=x / /` does not carry them on.
 */
export async function openSourceView(
  { snapshots, layers }: Pick<Storage, 'snapshots' | 'layers'>,
  top: ChainId | null,
): Promise<Scratch> {
  await using undo = new AsyncDisposableStack();
  const view = undo.use(await openScratch(snapshots, top));
  const own = top === null ? [] : layers.lowerDirs(top);
  const added = snapshots.directories(view.key).lower.filter((directory) => !own.includes(directory));
  for (const directory of added) hide(directory, '');
  undo.move();
  return view;

  function hide(directory: string, path: string): void {
    for (const entry of readdirSync(join(directory, path), { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) hide(directory, below);
      if (own.some((layer) => statOf(join(layer, below)) !== undefined)) continue;
      if (!entry.isDirectory()) rmSync(join(view.root, below), { force: true });
      else removeEmpty(join(view.root, below));
    }
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (e) {
    const errno = errnoOf(e);
    if (errno !== 'ENOTEMPTY' && errno !== 'ENOENT') throw e;
  }
}
