import type { ChainId } from '../../core/digest.ts';

/** Layers that an operation in progress counts on: nobody removes them meanwhile. */
export class Holds {
  readonly #held = new Map<ChainId, number>();

  has(chainId: ChainId): boolean {
    return this.#held.has(chainId);
  }

  /** A set of layers to hold, until it is disposed. */
  open(): Disposable & { add(chainId: ChainId): void } {
    const mine: ChainId[] = [];
    return {
      add: (chainId) => {
        mine.push(chainId);
        this.#held.set(chainId, (this.#held.get(chainId) ?? 0) + 1);
      },
      [Symbol.dispose]: () => {
        for (const chainId of mine) {
          const left = (this.#held.get(chainId) ?? 1) - 1;
          if (left === 0) this.#held.delete(chainId);
          else this.#held.set(chainId, left);
        }
      },
    };
  }
}
