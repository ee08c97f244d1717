import { errnoOf } from '../core/errors.ts';
import { RouteSocket, inNetns, setNetSysctl } from '../linux/index.ts';
import type { BridgeNetwork, Endpoint } from './contract.ts';

/**
 * Joins a namespace to a bridge: a veth pair with the endpoint's names and addresses. About a millisecond, synchronous. On
 * failure the caller deletes the host's end, which takes the other with it.
 */
export function connectEndpoint(
  routes: RouteSocket,
  netns: string,
  network: BridgeNetwork,
  bridgeIndex: number,
  endpoint: Endpoint,
): void {
  const { hostVeth, ifname, mac } = endpoint;
  const { mtu } = network;
  inNetns(netns, (netnsFd) => {
    routes.createVeth(hostVeth, { mtu, master: bridgeIndex }, { name: ifname, mac, mtu, netnsFd });
    using inside = new RouteSocket();
    if (endpoint.ipv6 === undefined) withoutIpv6(ifname);
    const { index } = inside.getLink(ifname);
    inside.setUp(index);
    inside.addAddress(index, endpoint.ipv4, endpoint.prefixLength);
    if (endpoint.ipv6 !== undefined) inside.addAddress(index, endpoint.ipv6, endpoint.ipv6PrefixLength ?? 64);
    if (endpoint.request.gateway && !network.internal) setGateway(inside, index, endpoint);
  });
  // Hairpin: where bridged packets pass the firewall (br_netfilter), a container reaches its own published port only so.
  routes.setBridgePort(routes.getLink(hostVeth).index, { hairpin: true, isolated: !network.icc });
}

/** Makes an endpoint that is there the container's way out. */
export function useAsGateway(netns: string, endpoint: Endpoint): void {
  inNetns(netns, () => {
    using inside = new RouteSocket();
    setGateway(inside, inside.getLink(endpoint.ifname).index, endpoint);
  });
}

/**
 * Cuts an endpoint off at once: its bridge neither takes nor gives it anything any more. Success means "it is cut off".
 */
export function shutEndpoint(routes: RouteSocket, endpoint: Endpoint): void {
  const link = routes.findLink(endpoint.hostVeth);
  if (link !== undefined && link.master !== 0) routes.setBridgePort(link.index, { forwarding: false });
}

function setGateway(inside: RouteSocket, index: number, endpoint: Endpoint): void {
  inside.setDefaultRoute(endpoint.gateway, index);
  if (endpoint.ipv6Gateway !== undefined) inside.setDefaultRoute(endpoint.ipv6Gateway, index);
}

/** An interface without IPv6 address gets none by itself either: programs would try it, and wait. */
function withoutIpv6(ifname: string): void {
  try {
    setNetSysctl(`ipv6/conf/${ifname}/disable_ipv6`, '1');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
