import type { Logger } from '../core/log.ts';
import { RouteSocket, inNetns } from '../linux/index.ts';
import type { Endpoint, SandboxRecord } from './contract.ts';
import type { OpenNetwork } from './endpoint.ts';
import { adoptAddresses } from './endpoint.ts';
import type { Publications } from './publications.ts';
import type { Sandbox } from './sandbox.ts';
import type { Segments } from './segments.ts';
import { rejoinBridge } from './wire.ts';

interface Parts {
  readonly routes: RouteSocket;
  readonly segments: Segments;
  readonly log: Logger;
}

/** Takes up a sandbox that is in the kernel already: its endpoints, as far as they are there, and its ports. */
export async function adoptSandbox(
  { routes, segments, log }: Parts,
  publications: Publications,
  sandbox: Sandbox,
  { endpoints, ports }: SandboxRecord,
): Promise<void> {
  const { containerId } = sandbox.request;
  for (const endpoint of endpoints) {
    const { networkId } = endpoint.request;
    const open = segments.find(networkId);
    if (open === undefined || !isThere(routes, sandbox, open, endpoint)) {
      log.warn('endpoint not recovered', { containerId, networkId });
      continue;
    }
    if (open.network.direct === undefined) rejoinBridge(routes, open.network, open.bridgeIndex, endpoint.hostVeth);
    sandbox.endpoints.set(networkId, endpoint);
    open.endpoints.set(containerId, endpoint);
    adoptAddresses(open, endpoint);
  }
  const onIt = [...sandbox.endpoints.values()];
  const published = onIt.findLast((e) => e.request.gateway) ?? onIt[0];
  const open = published === undefined ? undefined : segments.find(published.request.networkId);
  if (published === undefined || open === undefined || ports.length === 0) return;
  await publications.adopt(sandbox, open.network, published, ports);
}

function isThere(routes: RouteSocket, { path }: Sandbox, { network }: OpenNetwork, endpoint: Endpoint): boolean {
  if (network.direct === undefined) return routes.findLink(endpoint.hostVeth) !== undefined;
  return inNetns(path, () => {
    using inside = new RouteSocket();
    return inside.findLink(endpoint.ifname) !== undefined;
  });
}
