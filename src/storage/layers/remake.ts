import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type DiffId, digestFromHex } from '../../core/digest.ts';
import { digestMismatch } from '../errors.ts';
import { packTree } from '../tar/pack.ts';
import { CHUNK, replayRecipe } from './recipe.ts';

/** How a layer's tar is made again from what is in its directory. */
export interface TarRecipe {
  readonly directory: string;
  readonly diffId: DiffId;
  /** From the recipe that was written when it came, or by packing the tree. */
  readonly tar: 'recipe' | 'packed';
  readonly clampSeconds?: number | undefined;
}

/**
 * Makes a layer's tar.
 * @param options.fleeting every piece may be overwritten when the next one is asked for
 * @throws {WharfError} `DIGEST_MISMATCH` at its end if it is not what it was, `BAD_LAYER`
 */
export function* remakeTar(
  { directory, diffId, tar, clampSeconds }: TarRecipe,
  { fleeting = false }: { readonly fleeting?: boolean } = {},
): Generator<Buffer, void, undefined> {
  const root = join(directory, 'fs');
  const hash = createHash('sha256');
  const bytes =
    tar === 'recipe'
      ? replayRecipe(join(directory, 'recipe'), root, fleeting ? Buffer.allocUnsafeSlow(CHUNK) : undefined)
      : packTree(root, { whiteouts: 'overlay', clampSeconds, fleeting });
  for (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = digestFromHex(hash.digest('hex'));
  if (actual !== diffId) throw digestMismatch({ expected: diffId, actual });
}
