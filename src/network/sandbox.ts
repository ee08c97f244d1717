import { Nft, inNetns } from '../linux/index.ts';
import type { AllowedWay, BridgeNetwork, Endpoint, PublishedPort, SandboxRequest } from './contract.ts';
import type { Forward, NeighbourWay } from './firewall.ts';
import type { ResolverState } from './keeper/contract.ts';
import { DNS_ADDRESS } from './keeper/contract.ts';
import type { HeldPorts } from './port-holder.ts';

/** Ports of a container that were published together. Disposing takes them back. */
export interface Publication extends AsyncDisposable {
  readonly networkId: string;
  readonly ports: readonly PublishedPort[];
  readonly held: HeldPorts;
  readonly forwards: readonly Forward[];
}

/** A container's network namespace, and what is in it. */
export interface Sandbox {
  readonly request: SandboxRequest;
  readonly path: string;
  /** By network. */
  readonly endpoints: Map<string, Endpoint>;
  readonly publications: Set<Publication>;
  /** Ports of neighbours that it may reach where networks keep containers apart; by network. */
  readonly ways: Map<string, readonly AllowedWay[]>;
  /** Once it was on a network that resolves names: its resolv.conf asks there for good. */
  hasResolver: boolean;
}

export function emptySandbox(request: SandboxRequest, path: string): Sandbox {
  return { request, path, endpoints: new Map(), publications: new Set(), ways: new Map(), hasResolver: false };
}

/** What a container may reach of its neighbours, for the firewall. */
export function neighbourWays({ endpoints, ways }: Sandbox): NeighbourWay[] {
  return [...ways].flatMap(([networkId, all]) => {
    const from = endpoints.get(networkId)?.ipv4 ?? '';
    return from === '' ? [] : all.map((way) => ({ ...way, from }));
  });
}

/** What a container's resolver has to know; `undefined`: it has none, as it was on no network yet that resolves names. */
export function resolverState(
  { request, path, endpoints, hasResolver }: Sandbox,
  networkOf: (networkId: string) => BridgeNetwork | undefined,
): ResolverState | undefined {
  const joined = [...endpoints].flatMap(([id, endpoint]) => {
    const network = networkOf(id);
    return network === undefined ? [] : [{ network, endpoint }];
  });
  const named = joined.filter(({ network }) => !network.isDefault);
  if (named.length === 0 && !hasResolver) return undefined;
  return {
    containerId: request.containerId,
    netns: path,
    servers: request.dns,
    forwards: joined.some(({ network }) => !network.internal),
    keepsSingleLabels: request.keepsSingleLabels ?? false,
    endpoints: named.map(({ network, endpoint }) => ({
      networkId: network.id,
      networkName: network.name,
      names: endpoint.request.names,
      ...(endpoint.ipv4 === '' ? {} : { ipv4: endpoint.ipv4 }),
      ...(endpoint.ipv6 === undefined ? {} : { ipv6: endpoint.ipv6 }),
      ...(endpoint.request.links === undefined ? {} : { links: endpoint.request.links }),
    })),
  };
}

/** Leads what a namespace asks at port 53 of 127.0.0.11 to these ports, which may not be known to a container. */
export function redirectDns(netns: string, ports: { readonly udp: number; readonly tcp: number }): void {
  inNetns(netns, () => {
    using nft = new Nft();
    // Flushed first, for a table that is there already; deleting it would wait for the kernel.
    nft.run(`add table ip wharf_dns
flush table ip wharf_dns
table ip wharf_dns {
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr ${DNS_ADDRESS} udp dport 53 dnat to ${DNS_ADDRESS}:${ports.udp}
    ip daddr ${DNS_ADDRESS} tcp dport 53 dnat to ${DNS_ADDRESS}:${ports.tcp}
  }
}
`);
  });
}
