import type { NamedEndpoint, ResolverState } from '../contract.ts';
import type { NameSource } from './answer.ts';

/** All names of containers, by network, and what each container sees of them. */
export class NameBook {
  readonly #containers = new Map<string, ResolverState>();
  /** Network to container to its endpoint there. */
  readonly #networks = new Map<string, Map<string, NamedEndpoint>>();

  put(state: ResolverState): void {
    this.drop(state.containerId);
    this.#containers.set(state.containerId, state);
    for (const endpoint of state.endpoints) {
      const members = this.#networks.get(endpoint.networkId) ?? new Map<string, NamedEndpoint>();
      members.set(state.containerId, endpoint);
      this.#networks.set(endpoint.networkId, members);
    }
  }

  drop(containerId: string): void {
    for (const { networkId } of this.#containers.get(containerId)?.endpoints ?? []) {
      const members = this.#networks.get(networkId);
      members?.delete(containerId);
      if (members?.size === 0) this.#networks.delete(networkId);
    }
    this.#containers.delete(containerId);
  }

  get(containerId: string): ResolverState | undefined {
    return this.#containers.get(containerId);
  }

  /**
   * Names as one container sees them: those of everybody on the networks it is on (with and without the network's name
   * behind), and its own links. A name that several have gives all their addresses, each time beginning with another one.
   */
  sourceFor(containerId: string): NameSource {
    let turn = 0;
    const own = () => this.#containers.get(containerId)?.endpoints ?? [];
    return {
      lookup: (name) => {
        const found = new Set<NamedEndpoint>();
        for (const endpoint of own()) for (const match of this.#matching(name, endpoint)) found.add(match);
        if (found.size === 0) return undefined;
        const all = [...found];
        const first = turn++ % all.length;
        const turned = [...all.slice(first), ...all.slice(0, first)];
        return {
          ipv4: [...new Set(turned.flatMap((e) => e.ipv4 ?? []))],
          ipv6: [...new Set(turned.flatMap((e) => e.ipv6 ?? []))],
        };
      },
      reverse: (address) => {
        for (const { networkId } of own()) {
          for (const { names, networkName, ipv4, ipv6 } of this.#networks.get(networkId)?.values() ?? []) {
            const [name] = names;
            if (name !== undefined && (ipv4 === address || ipv6 === address)) return `${name}.${networkName}`;
          }
        }
        return undefined;
      },
    };
  }

  *#matching(name: string, { networkId, networkName, links }: NamedEndpoint): Generator<NamedEndpoint> {
    const members = this.#networks.get(networkId);
    if (members === undefined) return;
    for (const [link, target] of Object.entries(links ?? {})) {
      const endpoint = link.toLowerCase() === name ? members.get(target) : undefined;
      if (endpoint !== undefined) yield endpoint;
    }
    const suffix = `.${networkName.toLowerCase()}`;
    const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
    for (const endpoint of members.values()) {
      if (endpoint.names.some((own) => own.toLowerCase() === name || own.toLowerCase() === short)) yield endpoint;
    }
  }
}
