import type { RouteSocket } from '../linux/index.ts';
import type { Prefix } from './addresses.ts';
import { findAddress, parseAddress, prefixOf } from './addresses.ts';
import { hostResolvConf } from './resolv-conf.ts';

/**
 * Blocks that this host has addresses in or routes to, and its resolvers: a network there would cut them off.
 * @param ownBridges names of bridges that do not count, nor do those with the alias `mark`
 */
export function blocksInUse(routes: RouteSocket, ownBridges: ReadonlySet<string>, mark: string): Prefix[] {
  const links = routes.links().filter((l) => ownBridges.has(l.name) || l.alias === mark);
  const own = new Set(links.map((l) => l.index));
  const used: Prefix[] = [];
  for (const { index, address, prefixLength } of routes.addresses()) {
    if (!own.has(index)) used.push(prefixOf(parseAddress(address), prefixLength));
  }
  for (const { index, destination } of routes.routes()) {
    if (destination === undefined || (index !== undefined && own.has(index))) continue;
    used.push(prefixOf(parseAddress(destination.address), destination.prefixLength));
  }
  for (const server of hostResolvConf().servers) {
    const address = findAddress(server);
    if (address !== undefined) used.push(prefixOf(address, address.family === 4 ? 32 : 128));
  }
  return used;
}
