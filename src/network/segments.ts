import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RouteSocket } from '../linux/index.ts';
import { watchLinks } from '../linux/index.ts';
import { ensureBridge, markOf } from './bridge.ts';
import type { BridgeNetwork } from './contract.ts';
import { ensureParent } from './direct.ts';
import type { OpenNetwork } from './endpoint.ts';
import { networkNotOpen } from './errors.ts';
import { AddressAllocator } from './ipam.ts';
import { rejoinBridge } from './wire.ts';

/** The networks that are in the kernel: their bridges, and who is on them. */
export class Segments implements Disposable {
  readonly #routes: RouteSocket;
  readonly #instance: string;
  readonly #log: Logger;
  readonly #open = new Map<string, OpenNetwork>();
  #watch: Disposable | undefined;

  constructor(routes: RouteSocket, instance: string, log: Logger) {
    this.#routes = routes;
    this.#instance = instance;
    this.#log = log;
  }

  get all(): OpenNetwork[] {
    return [...this.#open.values()];
  }

  /** Those with a bridge, for the firewall. */
  get bridged(): BridgeNetwork[] {
    return this.all.map((n) => n.network).filter((n) => n.direct === undefined);
  }

  find(networkId: string): OpenNetwork | undefined {
    return this.#open.get(networkId);
  }

  /** @throws {WharfError} `NETWORK_NOT_OPEN` */
  get(networkId: string): OpenNetwork {
    const open = this.#open.get(networkId);
    if (open === undefined) throw networkNotOpen({ networkId });
    return open;
  }

  async bringUp(network: BridgeNetwork): Promise<void> {
    this.#watchLinks();
    const bridgeIndex = await this.#ensureDevice(network);
    const allocators = network.subnets.map((s) => new AddressAllocator(network.name, s));
    this.#open.set(network.id, { network, bridgeIndex, allocators, endpoints: new Map() });
  }

  /** Takes a network off the books; its device stays until `deleteDevice`. */
  forget(networkId: string): void {
    this.#open.delete(networkId);
  }

  /** Deletes a network's device if it is of our making. */
  async deleteDevice({ bridge }: BridgeNetwork): Promise<void> {
    if (this.#routes.findLink(bridge)?.alias === markOf(this.#instance)) await this.#routes.deleteLink(bridge);
  }

  clear(): void {
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
  }

  #ensureDevice(network: BridgeNetwork): Promise<number> {
    return network.direct === undefined
      ? ensureBridge(this.#routes, network, this.#instance)
      : ensureParent(this.#routes, network, network.direct, this.#instance);
  }

  /** From now on a bridge that somebody deletes by hand is put back, with the containers that are on it. */
  #watchLinks(): void {
    this.#watch ??= watchLinks(
      (name) => void this.#restore((n) => n.bridge === name),
      (why) => {
        this.#log.warn('changes of devices were lost', { why });
        this.#watch?.[Symbol.dispose]();
        this.#watch = undefined;
        this.#watchLinks();
        void this.#restore(() => true);
      },
    );
  }

  async #restore(isMeant: (network: BridgeNetwork) => boolean): Promise<void> {
    for (const open of this.all) {
      const { network } = open;
      // Somebody else's device is his to delete.
      const isOurs = network.direct === undefined || network.direct.ownParent !== undefined;
      if (!isOurs || !isMeant(network) || this.#routes.findLink(network.bridge) !== undefined) continue;
      this.#log.warn('somebody deleted a bridge: it is put back', { network: network.name, bridge: network.bridge });
      try {
        open.bridgeIndex = await this.#ensureDevice(network);
        for (const { hostVeth } of open.endpoints.values()) {
          if (hostVeth !== '') rejoinBridge(this.#routes, network, open.bridgeIndex, hostVeth);
        }
      } catch (error) {
        this.#log.error('a bridge could not be put back', { network: network.name, error: messageOf(error) });
      }
    }
  }
}
