import type { ChainId, DiffId } from '../../core/digest.ts';
import { sha256 } from '../../core/digest.ts';
import type { ImageConfig } from '../../core/oci.ts';
import type { Database, LayerStore } from '../../storage/index.ts';

/** What a step left: an image without a name. */
export interface StepResult {
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly chain: readonly ChainId[];
  /** All keys that its layer is found by, for caches elsewhere. */
  readonly layerKeys?: readonly string[];
}
/** What a step did to the files; `null`: nothing. */
export interface LayerResult {
  readonly layer: { readonly chainId: ChainId; readonly diffId: DiffId } | null;
  /** `created_by`, which can hold digests that cost something to find; `undefined`: not told. */
  readonly createdBy: string | undefined;
  /** All keys that it is found by. */
  readonly keys?: readonly string[];
}

/** How a layer of the cache has been used. Times are RFC 3339. */
export interface LayerUse {
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly count: number;
  /** The instruction that made it. */
  readonly description: string;
}

/** The key of anything that decides a result. Fields are compared by value, in the order given. */
export function cacheKey(...parts: readonly unknown[]): string {
  return sha256(JSON.stringify(parts));
}

/**
 * Results of earlier steps, in two tiers: a whole step on a certain image (then the image's ID stays the same as well), and the
 * layer that a command makes on a certain stack, whatever labels and other metadata came before it. A result counts only
 * while its layers are there.
 */
export class BuildCache {
  readonly #steps;
  readonly #layers;
  readonly #uses;
  readonly #store: LayerStore;

  constructor(db: Database, store: LayerStore) {
    this.#steps = db.collection<StepResult>('build-cache-steps');
    this.#layers = db.collection<LayerResult>('build-cache-layers');
    this.#uses = db.collection<LayerUse>('build-cache-uses');
    this.#store = store;
  }

  /** Notes that a layer was made. */
  made(layer: ChainId, description: string): void {
    this.#uses.put(layer, { createdAt: new Date().toISOString(), lastUsedAt: null, count: 0, description });
  }

  /** Notes that a layer was taken from the cache. */
  used(layer: ChainId): void {
    const use = this.#uses.get(layer);
    if (use === undefined) return;
    this.#uses.put(layer, { ...use, lastUsedAt: new Date().toISOString(), count: use.count + 1 });
  }

  uses(): ReadonlyMap<ChainId, LayerUse> {
    return new Map(this.#uses.entries().map(([key, use]) => [key as ChainId, use]));
  }

  /** Forgets what was made of these layers, and all that only describes. @returns the keys forgotten */
  forget(layers: ReadonlySet<ChainId>): string[] {
    const gone: string[] = [];
    for (const [key, { chain }] of this.#steps.entries()) {
      if (chain.some((id) => layers.has(id)) && this.#steps.delete(key)) gone.push(key);
    }
    for (const [key, { layer }] of this.#layers.entries()) {
      if (layer !== null && layers.has(layer.chainId) && this.#layers.delete(key)) gone.push(key);
    }
    for (const id of layers) this.#uses.delete(id);
    return gone;
  }

  findStep(key: string): StepResult | undefined {
    const found = this.#steps.get(key);
    if (found === undefined) return undefined;
    const top = found.chain.at(-1);
    if (top === undefined || this.#store.find(top) !== undefined) return found;
    this.#steps.delete(key);
    return undefined;
  }

  putStep(key: string, result: StepResult): void {
    this.#steps.put(key, result);
  }

  findLayer(key: string): LayerResult | undefined {
    const found = this.#layers.get(key);
    if (found === undefined) return undefined;
    if (found.layer === null || this.#store.find(found.layer.chainId) !== undefined) return found;
    this.#layers.delete(key);
    return undefined;
  }

  putLayer(key: string, result: LayerResult): void {
    this.#layers.put(key, result);
  }

  /** Every layer that a remembered step made, topmost first within a stack. */
  layers(): ChainId[] {
    const chains = this.#steps.entries().flatMap(([, step]) => step.chain.toReversed());
    const single = this.#layers.entries().flatMap(([, { layer }]) => (layer === null ? [] : [layer.chainId]));
    return [...new Set([...chains, ...single])];
  }

  /** Forgets everything. @returns the keys forgotten */
  clear(): string[] {
    const steps = this.#steps.entries().map(([key]) => key);
    const layers = this.#layers.entries().map(([key]) => key);
    for (const key of steps) this.#steps.delete(key);
    for (const key of layers) this.#layers.delete(key);
    for (const [key] of this.#uses.entries()) this.#uses.delete(key);
    return [...steps, ...layers];
  }
}
