import { Nft, isOwnFirewallProcess, watchFirewall } from '../../linux/index.ts';

const FAMILIES = ['ip', 'ip6'] as const;

/**
 * Keeps firewall tables as they are, for the time in which their engine is not there: what somebody takes out of them or
 * flushes is put back at once. They are read when the guard begins, and not kept at hand before.
 */
export class TableGuard implements Disposable {
  readonly #nft = new Nft();
  readonly #table: string;
  readonly #text: string;
  #watch: Disposable | undefined;

  /** @param table its name, in both families; @throws {Error} if there is none: nothing to keep */
  constructor(table: string) {
    this.#table = table;
    try {
      // A family may have been left alone.
      const tables = this.#nft.run('list tables\n').split('\n');
      const there = FAMILIES.filter((family) => tables.includes(`table ${family} ${table}`));
      if (there.length === 0) throw new Error(`no table ${table}`);
      // One at a time: nft finds no second one in the same breath.
      this.#text = there.map((family) => this.#nft.run(`list table ${family} ${table}\n`)).join('');
      this.#begin();
    } catch (error) {
      this.#nft[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#nft[Symbol.dispose]();
  }

  #begin(): void {
    this.#watch = watchFirewall(
      ({ pid, tables }) => {
        if (tables.has(this.#table) && !isOwnFirewallProcess(pid)) this.#restore();
      },
      () => {
        this.#watch?.[Symbol.dispose]();
        this.#begin();
        this.#restore();
      },
    );
  }

  #restore(): void {
    // Adding before deleting makes the deletion succeed in any case; all of it is one transaction.
    const without = FAMILIES.map((f) => `add table ${f} ${this.#table}\ndelete table ${f} ${this.#table}\n`);
    try {
      this.#nft.run(without.join('') + this.#text);
    } catch {
      // Somebody forbids it: the engine will say so when it is back.
    }
  }
}
