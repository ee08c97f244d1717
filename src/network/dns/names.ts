import type { BridgeNetwork, Endpoint } from '../contract.ts';
import type { NameSource } from './answer.ts';

/** A network with the endpoints on it, by container. */
export interface NamedNetwork {
  readonly network: BridgeNetwork;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/**
 * Names as one container sees them: those of everybody on the networks it is on (with and without the network's name behind),
 * and its own links. A name that several have gives all their addresses, each time beginning with another one.
 * @param networks the container's networks, as they are at the time of a question
 */
export function namesFor(containerId: string, networks: () => Iterable<NamedNetwork>): NameSource {
  let turn = 0;
  return {
    lookup(name) {
      const found = new Set<Endpoint>();
      for (const { network, endpoints } of networks()) {
        if (network.isDefault) continue;
        for (const endpoint of matching(name, containerId, network, endpoints)) found.add(endpoint);
      }
      if (found.size === 0) return undefined;
      const all = [...found];
      const first = turn++ % all.length;
      const turned = [...all.slice(first), ...all.slice(0, first)];
      return {
        ipv4: [...new Set(turned.map((e) => e.ipv4))],
        ipv6: [...new Set(turned.flatMap((e) => e.ipv6 ?? []))],
      };
    },
    reverse(address) {
      for (const { network, endpoints } of networks()) {
        if (network.isDefault) continue;
        for (const endpoint of endpoints.values()) {
          const [name] = endpoint.request.names;
          if (name !== undefined && (endpoint.ipv4 === address || endpoint.ipv6 === address)) {
            return `${name}.${network.name}`;
          }
        }
      }
      return undefined;
    },
  };
}

function* matching(
  name: string,
  containerId: string,
  network: BridgeNetwork,
  endpoints: ReadonlyMap<string, Endpoint>,
): Generator<Endpoint> {
  for (const [link, target] of Object.entries(endpoints.get(containerId)?.request.links ?? {})) {
    const endpoint = link.toLowerCase() === name ? endpoints.get(target) : undefined;
    if (endpoint !== undefined) yield endpoint;
  }
  const suffix = `.${network.name.toLowerCase()}`;
  const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
  for (const endpoint of endpoints.values()) {
    if (endpoint.request.names.some((own) => own.toLowerCase() === name || own.toLowerCase() === short)) yield endpoint;
  }
}
