import { createHash } from 'node:crypto';
import type { ChainId, DiffId, Digest } from '../../core/digest.ts';
import { hexOf, sha256 } from '../../core/digest.ts';
import { messageOf } from '../../core/errors.ts';
import type { LayerStore } from '../../storage/index.ts';
import { cacheLost } from '../errors.ts';
import type { CachedLayer } from '../remote-cache/format.ts';
import type { CacheSource, FoundLayer } from '../remote-cache/source.ts';

/**
 * Layers that other caches have. A step that is found there is done without its layer: that is fetched when its files are
 * needed, for a command on top of it, to copy from it, or for the image in the end.
 */
export class RemoteLayers {
  readonly #sources: readonly CacheSource[];
  readonly #layers: LayerStore;
  /** Keeps a stack as long as the build runs. */
  readonly #hold: (top: ChainId) => Promise<void>;
  readonly #signal: AbortSignal;
  readonly #found = new Map<ChainId, FoundLayer>();
  readonly #fetching = new Map<ChainId, Promise<void>>();

  constructor(
    sources: readonly CacheSource[],
    layers: LayerStore,
    hold: (top: ChainId) => Promise<void>,
    signal: AbortSignal,
  ) {
    this.#sources = sources;
    this.#layers = layers;
    this.#hold = hold;
    this.#signal = signal;
  }

  /** What a step on this stack came to elsewhere; `null`: it changed no file. */
  find(keys: readonly string[], parent: ChainId | null): { chainId: ChainId; diffId: DiffId } | null | undefined {
    for (const source of this.#sources) {
      if (source.bad) continue;
      for (const key of keys) {
        const layer = source.known.get(key);
        if (layer === undefined) continue;
        if (layer === null) return null;
        const { diffId } = layer;
        const chainId = (parent === null ? diffId : sha256(`${parent} ${diffId}`)) as ChainId;
        if (this.#layers.find(chainId) === undefined) {
          if (source.place === undefined) continue;
          this.#found.set(chainId, { source, layer, parent });
        }
        return { chainId, diffId };
      }
    }
    return undefined;
  }

  /** Whether its files are here. */
  isHere(top: ChainId): boolean {
    return !this.#found.has(top) || this.#layers.find(top) !== undefined;
  }

  /**
   * Fetches what of a stack is not here.
   * @throws {WharfError} `CACHE_LOST` if it cannot be had: the cache will not offer it again
   */
  async present(chain: readonly ChainId[]): Promise<void> {
    for (const chainId of chain) {
      const found = this.#found.get(chainId);
      if (found === undefined || this.#layers.find(chainId) !== undefined) continue;
      const fetching = this.#fetching.get(chainId) ?? this.#fetch(found);
      this.#fetching.set(chainId, fetching);
      await fetching;
      await this.#hold(chainId);
    }
  }

  /** A layer that was found and not fetched, for another cache. */
  elsewhere(chainId: ChainId): (CachedLayer & { open(): AsyncIterable<Uint8Array> }) | undefined {
    const { source, layer } = this.#found.get(chainId) ?? {};
    const { place } = source ?? {};
    if (layer === undefined || place === undefined) return undefined;
    return { ...layer, open: () => checked(place.blob(layer.descriptor), layer.descriptor.digest) };
  }

  async #fetch({ source, layer: { diffId, descriptor }, parent }: FoundLayer): Promise<void> {
    const { name, place } = source;
    if (place === undefined) throw new Error('a layer that is here is not fetched');
    try {
      const bytes = checked(place.blob(descriptor), descriptor.digest);
      await this.#layers.apply(parent, bytes, { expect: diffId, blob: descriptor.digest, signal: this.#signal });
    } catch (e) {
      this.#signal.throwIfAborted();
      source.bad = true;
      throw cacheLost({ name, why: messageOf(e) }, { cause: e });
    }
  }
}

async function* checked(bytes: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== hexOf(digest)) throw new Error(`the bytes of ${digest} are others than its name says`);
}
