import type { DiffId } from '../../core/digest.ts';
import type { Image } from '../../engine/index.ts';
import type { LayerResult } from '../cache/cache.ts';
import type { StageState } from './state.ts';

/**
 * A layer of an image of `--cache-from` that is this step's result: the image stands on the same layers, and its next layer was
 * made by the same instruction of a classic build, whose history has the digest of what was copied. Other histories do not
 * tell: images with an inline cache say it by the keys of their steps.
 */
export function layerFromHistory(
  images: readonly Image[],
  state: StageState,
  createdBy: string,
): LayerResult | undefined {
  const depth = state.chain.length;
  for (const { chain, config } of images) {
    if (config['wharf.build.cache.v1'] !== undefined) continue;
    const made = (config.history ?? []).filter((entry) => entry.empty_layer !== true)[depth];
    const chainId = chain[depth];
    const diffId = config.rootfs.diff_ids[depth] as DiffId | undefined;
    if (chainId === undefined || diffId === undefined || made?.created_by !== createdBy) continue;
    if (state.chain.every((id, i) => id === chain[i])) return { layer: { chainId, diffId }, createdBy };
  }
  return undefined;
}
