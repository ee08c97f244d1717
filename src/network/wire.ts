import { readFileSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { RouteSocket, inNetns, setNetSysctl } from '../linux/index.ts';
import type { BridgeNetwork, Endpoint } from './contract.ts';
import { endpointSysctls } from './endpoint.ts';

/** Makes the veth pair that joins a namespace to a bridge; all of it, or nothing. @throws {SystemCallError} `EEXIST` */
export function createWire(
  routes: RouteSocket,
  netns: string,
  { mtu }: BridgeNetwork,
  bridgeIndex: number,
  { hostVeth, ifname, mac }: Endpoint,
): void {
  inNetns(netns, (netnsFd) => {
    routes.createVeth(hostVeth, { mtu, master: bridgeIndex }, { name: ifname, mac, mtu, netnsFd });
  });
}

/** Gives both ends of a new pair what belongs to them: addresses, routes, the bridge's rules. */
export function configureWire(routes: RouteSocket, netns: string, network: BridgeNetwork, endpoint: Endpoint): void {
  const { hostVeth, ifname } = endpoint;
  inNetns(netns, () => {
    using inside = new RouteSocket();
    if (endpoint.ipv6 === undefined) withoutIpv6(ifname);
    const { index } = inside.getLink(ifname);
    inside.setUp(index);
    inside.addAddress(index, endpoint.ipv4, endpoint.prefixLength);
    if (endpoint.ipv6 !== undefined) inside.addAddress(index, endpoint.ipv6, endpoint.ipv6PrefixLength ?? 64);
    if (endpoint.request.gateway && !network.internal) setGateway(inside, index, endpoint);
    for (const { key, value } of endpointSysctls(endpoint.request, ifname)) setNetSysctl(key, value);
  });
  configurePort(routes, network, hostVeth);
}

/** Puts the wire of a running container back into its bridge, if that was deleted by hand and made anew. */
export function rejoinBridge(routes: RouteSocket, network: BridgeNetwork, bridgeIndex: number, hostVeth: string): void {
  const { index, master } = routes.getLink(hostVeth);
  if (master === bridgeIndex) return;
  routes.setMaster(index, bridgeIndex);
  routes.setUp(index);
  configurePort(routes, network, hostVeth);
}

function configurePort(routes: RouteSocket, network: BridgeNetwork, hostVeth: string): void {
  // Where bridged packets pass the firewall, a container reaches its own published port only by hairpin, and the firewall
  // keeps neighbours apart; isolated ports would also keep them from each other's published ports. Where they do not pass
  // it, isolated ports are what keeps neighbours apart.
  const isolated = !network.icc && !bridgedPacketsPassFirewall();
  routes.setBridgePort(routes.getLink(hostVeth).index, { hairpin: true, isolated });
}

/** Makes this endpoint the way out of its container, in place of another one. */
export function useGateway(netns: string, endpoint: Endpoint): void {
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

/** Whether br_netfilter is at work on this host. */
function bridgedPacketsPassFirewall(): boolean {
  try {
    return readFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
