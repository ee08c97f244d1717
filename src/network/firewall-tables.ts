import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { FirewallChange } from '../linux/index.ts';
import { Nft, forgetUdpFlows, isOwnFirewallProcess, watchFirewall } from '../linux/index.ts';
import type { BridgeNetwork } from './contract.ts';
import type { Forward, NeighbourWay } from './firewall.ts';
import { familyOf, renderFirewall, renderForwards, tableName } from './firewall.ts';
import { ForeignFirewall } from './foreign-firewall.ts';

/** This engine's tables in the host's firewall, and its rules in those of others. */
export class Firewall implements Disposable {
  readonly #nft = new Nft();
  readonly #instance: string;
  readonly #log: Logger;
  readonly #foreign: ForeignFirewall;
  #networks: readonly BridgeNetwork[] = [];
  #watch: Disposable | undefined;

  constructor(instance: string, log: Logger) {
    this.#instance = instance;
    this.#log = log;
    this.#foreign = new ForeignFirewall(instance, log);
  }

  /** What other firewalls of this host do to containers, and how to mend it. */
  get warnings(): readonly string[] {
    return this.#foreign.warnings;
  }

  /**
   * From now on `restore` is called when somebody else has touched our tables (`nft flush ruleset`, a restart of the host's
   * firewall); what they do to their own is taken in here.
   */
  watch(restore: () => void): void {
    if (this.#watch !== undefined) return;
    const changed = ({ pid, program, tables }: FirewallChange) => {
      if (isOwnFirewallProcess(pid)) return;
      if (tables.has(tableName(this.#instance))) {
        this.#log.warn('somebody altered our firewall tables: they are written anew', {
          by: `${program} (pid ${pid})`,
        });
        restore();
      } else if (![...tables].every((name) => name.startsWith('wharf_'))) {
        this.#foreign.sync(this.#nft, this.#networks);
      }
    };
    const lost = (why: string) => {
      this.#log.warn('changes of the firewall were lost', { why });
      this.#watch?.[Symbol.dispose]();
      this.#watch = undefined;
      this.watch(restore);
      restore();
    };
    this.#watch = watchFirewall(changed, lost);
  }

  /** Writes everything anew, in place of what is there; without a network nothing is there afterwards. */
  write(networks: readonly BridgeNetwork[], forwards: readonly Forward[], ways: readonly NeighbourWay[] = []): void {
    this.#nft.run(renderFirewall(this.#instance, networks, forwards, ways));
    this.#networks = networks;
    this.#foreign.sync(this.#nft, networks);
  }

  /** Adds or deletes ports; `false`: the tables are not as they were written (somebody flushed them), write them anew. */
  change(verb: 'add' | 'delete', forwards: readonly Forward[]): boolean {
    if (forwards.length === 0) return true;
    try {
      this.#nft.run(renderForwards(this.#instance, verb, forwards));
      return true;
    } catch (error) {
      this.#log.warn('firewall tables were altered', { error: messageOf(error) });
      return false;
    }
  }

  /** What has begun to come in by a UDP port goes on as it began, published or not, unless it is forgotten. */
  async forgetFlows(forwards: readonly Forward[]): Promise<void> {
    for (const family of [4, 6] as const) {
      const ours = forwards.filter((f) => f.protocol === 'udp' && familyOf(f.target) === family);
      const ports = new Set(ours.map((f) => (f.hostPort === 0 ? f.containerPort : f.hostPort)));
      if (ports.size === 0) continue;
      try {
        await forgetUdpFlows(family, ports);
      } catch (error) {
        // A kernel without conntrack's netlink interface: such flows end by themselves after a while without packets.
        this.#log.warn('flows of UDP ports not forgotten', { ports: [...ports], error: messageOf(error) });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#nft[Symbol.dispose]();
  }
}
