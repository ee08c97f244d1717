import type { DiffId } from '../../core/digest.ts';
import type { Image } from '../../engine/index.ts';
import type { LayerResult } from '../cache/cache.ts';
import type { BuildStyle } from '../contract.ts';
import type { StageState } from './state.ts';

/**
 * A layer of an image of `--cache-from` that is this step's result: the image stands on the same layers, and its next layer
 * was made by the same instruction from the same files. Images with an inline cache say that by the step's keys; those of classic
 * builds by their history, which has the digest of what was copied. The history of others does not tell.
 */
export function layerFromImage(
  images: readonly Image[],
  state: StageState,
  step: { readonly createdBy: string; readonly layerKeys: readonly string[]; readonly style: BuildStyle },
): LayerResult | undefined {
  const depth = state.chain.length;
  for (const { chain, config } of images) {
    const made = (config.history ?? []).filter((entry) => entry.empty_layer !== true)[depth];
    const chainId = chain[depth];
    const diffId = config.rootfs.diff_ids[depth] as DiffId | undefined;
    if (chainId === undefined || diffId === undefined) continue;
    const keys = config['wharf.build.cache.v1']?.[depth];
    const same =
      keys === undefined
        ? step.style === 'classic' && made?.created_by === step.createdBy
        : keys.some((key) => step.layerKeys.includes(key));
    if (same && state.chain.every((id, i) => id === chain[i])) {
      return { layer: { chainId, diffId }, createdBy: step.createdBy };
    }
  }
  return undefined;
}
