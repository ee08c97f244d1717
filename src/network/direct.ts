import { invalidParameter } from '../core/errors.ts';
import { RouteSocket, SystemCallError, inNetns } from '../linux/index.ts';
import { createMarked } from './bridge.ts';
import type { BridgeNetwork, DirectLink, Endpoint } from './contract.ts';

const MACVLAN_MODES: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
const IPVLAN_MODES: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 };
const IPVLAN_FLAGS: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };

/** The index of the device that a network's containers hang on; made if it is the network's own. @throws {WharfError} */
export async function ensureParent(
  routes: RouteSocket,
  { name, mtu }: BridgeNetwork,
  { parent, ownParent }: DirectLink,
  instance: string,
): Promise<number> {
  const there = routes.findLink(parent);
  if (there !== undefined) return there.index;
  if (ownParent === undefined) {
    throw invalidParameter({ message: `network ${name}: the parent interface ${parent} was not found on the host` });
  }
  const index = await createMarked(routes, parent, instance, (unmarked) => {
    if (ownParent === 'bridge') routes.createBridge(unmarked, { mtu });
    else routes.createVlan(unmarked, routes.getLink(ownParent.vlanOf).index, ownParent.vlanId);
  });
  try {
    routes.setUp(index);
    return index;
  } catch (error) {
    await routes.deleteLink(parent);
    throw error;
  }
}

/** Gives a namespace a device of its own on the parent: all of it, or nothing. @throws {WharfError} where the kernel cannot */
export function createDirectLink(
  routes: RouteSocket,
  netns: string,
  parentIndex: number,
  { driver, mode, flag }: DirectLink,
  endpoint: Endpoint,
): void {
  const name = nameAtFirst(endpoint);
  try {
    inNetns(netns, (netnsFd) => {
      if (driver === 'macvlan') {
        routes.createMacvlan(name, { parentIndex, netnsFd, mac: endpoint.mac, mode: MACVLAN_MODES[mode] ?? 4 });
      } else {
        const flags = IPVLAN_FLAGS[flag ?? 'bridge'] ?? 0;
        routes.createIpvlan(name, { parentIndex, netnsFd, mode: IPVLAN_MODES[mode] ?? 0, flags });
      }
    });
  } catch (cause) {
    if (!(cause instanceof SystemCallError && cause.code === 'ENOTSUP')) throw cause;
    const hint = `load its module (modprobe ${driver}), or use a network of the driver bridge`;
    throw invalidParameter({ message: `the kernel of this host has no ${driver} devices` }, { cause, hint });
  }
}

/** Kernels before 6.13 look for a device of the same name on the host, and there may be an eth0. */
export function nameAtFirst({ request }: Endpoint): string {
  return `whl${request.endpointId.slice(0, 10)}`;
}

/** Takes the device out of a namespace, also one that was not finished. Success means "it is not there". */
export async function deleteDirectLink(netns: string, endpoint: Endpoint): Promise<void> {
  // The sockets are opened in the namespace, before the first wait.
  const { deletions } = inNetns(netns, () => {
    using inside = new RouteSocket();
    return { deletions: [endpoint.ifname, nameAtFirst(endpoint)].map((name) => inside.deleteLink(name)) };
  });
  await Promise.all(deletions);
}
