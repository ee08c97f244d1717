import type { NamedEndpoint, ResolverState } from '../contract.ts';
import type { NameSource } from './answer.ts';

/** Who is on one network. */
interface Members {
  readonly byContainer: Map<string, NamedEndpoint>;
  /** By name in lower case; those who share one in the order in which they came. */
  readonly byName: Map<string, Set<NamedEndpoint>>;
}

/** All names of containers, by network, and what each container sees of them. */
export class NameBook {
  readonly #containers = new Map<string, ResolverState>();
  readonly #networks = new Map<string, Members>();

  put(state: ResolverState): void {
    this.drop(state.containerId);
    this.#containers.set(state.containerId, state);
    for (const endpoint of state.endpoints) {
      const members = this.#networks.get(endpoint.networkId) ?? { byContainer: new Map(), byName: new Map() };
      members.byContainer.set(state.containerId, endpoint);
      for (const name of namesOf(endpoint)) {
        members.byName.set(name, (members.byName.get(name) ?? new Set()).add(endpoint));
      }
      this.#networks.set(endpoint.networkId, members);
    }
  }

  drop(containerId: string): void {
    for (const endpoint of this.#containers.get(containerId)?.endpoints ?? []) {
      const members = this.#networks.get(endpoint.networkId);
      if (members === undefined) continue;
      members.byContainer.delete(containerId);
      for (const name of namesOf(endpoint)) {
        const sharers = members.byName.get(name);
        sharers?.delete(endpoint);
        if (sharers?.size === 0) members.byName.delete(name);
      }
      if (members.byContainer.size === 0) this.#networks.delete(endpoint.networkId);
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
          for (const { names, networkName, ipv4, ipv6 } of this.#networks.get(networkId)?.byContainer.values() ?? []) {
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
      const endpoint = link.toLowerCase() === name ? members.byContainer.get(target) : undefined;
      if (endpoint !== undefined) yield endpoint;
    }
    const suffix = `.${networkName.toLowerCase()}`;
    yield* members.byName.get(name) ?? [];
    if (name.endsWith(suffix)) yield* members.byName.get(name.slice(0, -suffix.length)) ?? [];
  }
}

function namesOf({ names }: NamedEndpoint): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
