import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type { RouteSocket } from '../linux/index.ts';
import { setNetSysctl } from '../linux/index.ts';
import { macOf, parseAddress, parsePrefix } from './addresses.ts';
import type { BridgeNetwork } from './contract.ts';

/** The mark on a bridge that this engine made: `ip link` shows it as the alias. */
export function markOf(instance: string): string {
  return `wharf:${instance}`;
}

/** What a device of ours is called until it has its mark. */
export function unmarkedName(instance: string): string {
  return `wt${instance}`;
}

/**
 * Makes a device that carries our mark; its index. The kernel takes mark and name in two steps: the name comes last, so that
 * who dies in between leaves nothing that the next does not know for its own.
 * @param create makes it, down, under the name given
 */
export async function createMarked(
  routes: RouteSocket,
  name: string,
  instance: string,
  create: (name: string) => void,
): Promise<number> {
  const temporary = `${unmarkedName(instance)}${randomBytes(3).toString('hex')}`;
  create(temporary);
  try {
    const { index } = routes.getLink(temporary);
    routes.setAlias(index, markOf(instance));
    routes.rename(index, name);
    return index;
  } catch (error) {
    await routes.deleteLink(temporary);
    throw error;
  }
}

/**
 * Makes the bridge of a network, or brings one that is there into the state it should have; its index. A bridge that somebody
 * else made under the name asked for is used, and stays theirs.
 */
export async function ensureBridge(routes: RouteSocket, network: BridgeNetwork, instance: string): Promise<number> {
  const { bridge, subnets, internal, mtu, hostless = [], withoutFirewall } = network;
  const existed = routes.findLink(bridge);
  if (existed !== undefined && existed.kind !== 'bridge') {
    throw new Error(`network ${network.name}: the device ${bridge} exists and is no bridge`);
  }
  const gateway = subnets.map((s) => parseAddress(s.gateway)).find((a) => a.family === 4);
  // Without an address of its own the bridge would take on that of some port, and another one when the port goes.
  const settings = { mtu, ...(gateway === undefined ? {} : { mac: macOf(gateway) }) };
  const make = (name: string) => routes.createBridge(name, settings);
  const index = existed?.index ?? (await createMarked(routes, bridge, instance, make));
  try {
    for (const { subnet, gateway } of subnets) {
      const { family, length } = parsePrefix(subnet);
      if (!hostless.includes(family)) routes.addAddress(index, gateway, length);
    }
    routes.setUp(index);
    if (!internal) {
      // What comes by it to loopback addresses is for the firewall to drop.
      setNetSysctl(`ipv4/conf/${bridge}/route_localnet`, withoutFirewall?.includes(4) ? '0' : '1');
      enableForwarding('ipv4/ip_forward');
      if (subnets.some((s) => s.subnet.includes(':'))) enableForwarding6();
    }
  } catch (error) {
    if (existed === undefined) await routes.deleteLink(bridge);
    throw error;
  }
  return index;
}

/** Turns a switch of the whole host on, and leaves it alone if it is. */
function enableForwarding(key: string): void {
  const file = `/proc/sys/net/${key}`;
  if (existsSync(file) && readFileSync(file, 'utf8').trim() !== '1') writeFileSync(file, '1');
}

/** A host that forwards stops listening to its routers' announcements, unless each interface that did is told to go on. */
function enableForwarding6(): void {
  const directory = '/proc/sys/net/ipv6/conf';
  if (!existsSync(directory) || readFileSync(`${directory}/all/forwarding`, 'utf8').trim() === '1') return;
  for (const name of readdirSync(directory)) {
    if (name === 'all' || name === 'default') continue;
    const file = `${directory}/${name}/accept_ra`;
    if (readFileSync(file, 'utf8').trim() === '1') writeFileSync(file, '2');
  }
  enableForwarding('ipv6/conf/all/forwarding');
}
