import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { Nft, forgetUdpFlows } from '../linux/index.ts';
import type { BridgeNetwork } from './contract.ts';
import type { Forward } from './firewall.ts';
import { renderFirewall, renderForwards, renderRemoval } from './firewall.ts';

/** This engine's tables in the host's firewall. */
export class Firewall implements Disposable {
  readonly #nft = new Nft();
  readonly #instance: string;
  readonly #log: Logger;

  constructor(instance: string, log: Logger) {
    this.#instance = instance;
    this.#log = log;
  }

  /** Writes everything anew, in place of what is there; without a network nothing is there afterwards. */
  write(networks: readonly BridgeNetwork[], forwards: readonly Forward[]): void {
    const commands =
      networks.length === 0 ? renderRemoval(this.#instance) : renderFirewall(this.#instance, networks, forwards);
    this.#nft.run(commands);
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
    const ports = forwards.filter((f) => f.protocol === 'udp').map((f) => f.hostPort);
    if (ports.length === 0) return;
    try {
      await forgetUdpFlows(new Set(ports));
    } catch (error) {
      // A kernel without conntrack's netlink interface: such flows end by themselves after a while without packets.
      this.#log.warn('flows of UDP ports not forgotten', { ports, error: messageOf(error) });
    }
  }

  [Symbol.dispose](): void {
    this.#nft[Symbol.dispose]();
  }
}
