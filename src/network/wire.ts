import { readFileSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { RouteSocket, inNetns, setNetSysctl } from '../linux/index.ts';
import type { BridgeNetwork, Endpoint } from './contract.ts';
import { createDirectLink, deleteDirectLink, nameAtFirst } from './direct.ts';
import type { OpenNetwork } from './endpoint.ts';
import { endpointSysctls } from './endpoint.ts';

/**
 * Gives a namespace its device on a network, with all that belongs to it; all of it, or nothing. Disposing takes it away.
 * @throws {SystemCallError} | {WharfError}
 */
export async function connectWire(
  routes: RouteSocket,
  netns: string,
  { network, bridgeIndex }: OpenNetwork,
  endpoint: Endpoint,
): Promise<AsyncDisposable> {
  const wire = { [Symbol.asyncDispose]: () => removeWire(routes, netns, endpoint) };
  if (network.direct === undefined) createPair(routes, netns, network, bridgeIndex, endpoint);
  else createDirectLink(routes, netns, bridgeIndex, network.direct, endpoint);
  try {
    configure(netns, network, endpoint);
    if (network.direct === undefined) configurePort(routes, network, endpoint.hostVeth);
    return wire;
  } catch (error) {
    await wire[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}

/** Takes a device away again. Success means "it is not there". */
export async function removeWire(routes: RouteSocket, netns: string, endpoint: Endpoint): Promise<void> {
  if (endpoint.hostVeth === '') await deleteDirectLink(netns, endpoint);
  else await routes.deleteLink(endpoint.hostVeth);
}

/**
 * Cuts an endpoint off at once: its network neither takes nor gives it anything any more. Success means "it is cut off"; what
 * is left to be done is given back, to be done at leisure.
 */
export async function cutWire(
  routes: RouteSocket,
  netns: string,
  endpoint: Endpoint,
): Promise<(() => Promise<void>) | undefined> {
  if (endpoint.hostVeth === '') {
    await deleteDirectLink(netns, endpoint);
    return undefined;
  }
  const link = routes.findLink(endpoint.hostVeth);
  if (link !== undefined && link.master !== 0) routes.setBridgePort(link.index, { forwarding: false });
  return () => routes.deleteLink(endpoint.hostVeth);
}

function createPair(
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

/** Gives a new device in a namespace its name, addresses, routes and settings. */
function configure(netns: string, network: BridgeNetwork, endpoint: Endpoint): void {
  const { ifname, request } = endpoint;
  inNetns(netns, () => {
    using inside = new RouteSocket();
    const { index } = inside.getLink(network.direct === undefined ? ifname : nameAtFirst(endpoint));
    if (network.direct !== undefined) inside.rename(index, ifname);
    if (endpoint.ipv6 === undefined) withoutIpv6(ifname);
    inside.setUp(index);
    if (endpoint.ipv4 !== '') inside.addAddress(index, endpoint.ipv4, endpoint.prefixLength);
    if (endpoint.ipv6 !== undefined) inside.addAddress(index, endpoint.ipv6, endpoint.ipv6PrefixLength ?? 64);
    if (request.gateway && !network.internal) setGateway(inside, index, endpoint);
    for (const { key, value } of endpointSysctls(request, ifname)) setNetSysctl(key, value);
  });
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
  const passes = bridgedPacketsPassFirewall() && !network.withoutFirewall?.includes(4);
  const isolated = !network.icc && !passes;
  routes.setBridgePort(routes.getLink(hostVeth).index, { hairpin: true, isolated });
}

/** Makes these endpoints the way out of their container: of each family, the first that has it. */
export function useGateways(netns: string, endpoints: readonly Endpoint[]): void {
  inNetns(netns, () => {
    using inside = new RouteSocket();
    const indexOf = ({ ifname }: Endpoint) => inside.getLink(ifname).index;
    const v4 = endpoints.find((e) => e.ipv4 !== '');
    const v6 = endpoints.find((e) => e.ipv6 !== undefined);
    if (v4 !== undefined) inside.setDefaultRoute(v4.gateway, indexOf(v4), 4);
    if (v6 !== undefined) inside.setDefaultRoute(v6.ipv6Gateway ?? '', indexOf(v6), 6);
  });
}

/** The default routes of an endpoint: to its gateways, or, where it has none (ipvlan at layer 3), straight onto the wire. */
function setGateway(inside: RouteSocket, index: number, endpoint: Endpoint): void {
  if (endpoint.ipv4 !== '') inside.setDefaultRoute(endpoint.gateway, index, 4);
  if (endpoint.ipv6 !== undefined) inside.setDefaultRoute(endpoint.ipv6Gateway ?? '', index, 6);
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
export function bridgedPacketsPassFirewall(): boolean {
  try {
    return readFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
