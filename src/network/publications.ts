import { invalidParameter, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { findAddress } from './addresses.ts';
import type { BridgeNetwork, Endpoint, Family, PortRequest, PublishedPort } from './contract.ts';
import type { Forward } from './firewall.ts';
import type { Keeper, PortSocket } from './keeper/contract.ts';
import type { HeldPorts, Targets } from './port-holder.ts';
import { PortHolder, waysOf } from './port-holder.ts';
import type { Publication, Sandbox } from './sandbox.ts';

export interface PublicationParts {
  readonly keeper: Keeper;
  readonly log: Logger;
  /** Brings a change into the firewall. */
  change(verb: 'add' | 'delete', forwards: readonly Forward[]): void;
  /** Makes the firewall forget what has begun to come in; nobody waits for it. */
  forget(forwards: readonly Forward[]): void;
}

/** Published ports of sandboxes: held on the host, and in the firewall. */
export class Publications {
  readonly #parts: PublicationParts;
  readonly #ports: PortHolder;

  constructor(parts: PublicationParts) {
    this.#parts = parts;
    this.#ports = new PortHolder(parts.keeper);
  }

  /** All or none. @throws {WharfError} `PORT_TAKEN`, `INVALID_PARAMETER`… */
  async publish(
    sandbox: Sandbox,
    network: BridgeNetwork,
    endpoint: Endpoint,
    requests: readonly PortRequest[],
  ): Promise<Publication> {
    for (const request of requests) checkPort(request);
    const { routed = [] } = network;
    const translated = requests.filter((r) => !isRouted(r, endpoint, routed));
    const held = await this.#ports.hold(translated, network.hostBinding, reachable(endpoint, network));
    const opened = openedPorts(requests, endpoint, routed);
    const publication = this.#publication(sandbox, network, endpoint, held, opened);
    sandbox.publications.add(publication);
    try {
      this.#parts.change('add', publication.forwards);
    } catch (error) {
      sandbox.publications.delete(publication);
      await held[Symbol.asyncDispose]();
      throw error;
    }
    return publication;
  }

  /** Takes up what is published already. The firewall is the caller's to write. */
  async adopt(
    sandbox: Sandbox,
    network: BridgeNetwork,
    endpoint: Endpoint,
    ports: readonly PublishedPort[],
  ): Promise<void> {
    const opened = ports.filter((p) => p.hostPort === 0);
    const bound = ports.filter((p) => p.hostPort !== 0);
    const held = await this.#ports.adopt(bound, reachable(endpoint, network), this.#notHeld(sandbox));
    sandbox.publications.add(this.#publication(sandbox, network, endpoint, held, opened));
  }

  /** Holds everything of a sandbox anew, after the keeper was lost. */
  async renew(sandbox: Sandbox): Promise<void> {
    for (const { held } of sandbox.publications) await held.renew(this.#notHeld(sandbox));
  }

  #notHeld({ request: { containerId } }: Sandbox) {
    return (port: PublishedPort, error: unknown) =>
      this.#parts.log.warn('published port is not held', { ...port, containerId, error: messageOf(error) });
  }

  #publication(
    sandbox: Sandbox,
    network: BridgeNetwork,
    endpoint: Endpoint,
    held: HeldPorts,
    opened: readonly PublishedPort[],
  ): Publication {
    const targets = reachable(endpoint, network);
    const forwards = [
      ...held.ports.flatMap((p): Forward[] => {
        const { forwardTo } = waysOf(p, targets);
        return forwardTo === undefined ? [] : [{ ...p, target: forwardTo }];
      }),
      ...opened.map((p): Forward => ({ ...p, target: p.hostIp.includes(':') ? (endpoint.ipv6 ?? '') : endpoint.ipv4 })),
    ];
    const publication: Publication = {
      networkId: network.id,
      ports: [...held.ports, ...opened],
      held,
      forwards,
      [Symbol.asyncDispose]: async () => {
        if (!sandbox.publications.delete(publication)) return;
        try {
          this.#parts.change('delete', forwards);
          this.#parts.forget(forwards);
        } finally {
          await held[Symbol.asyncDispose]();
        }
      },
    };
    return publication;
  }
}

/** The sockets of everything that is published. */
export function socketsOf(sandboxes: Iterable<Sandbox>): PortSocket[] {
  return [...sandboxes].flatMap((s) => [...s.publications].flatMap((p) => p.held.sockets));
}

/** An endpoint's addresses that ports of the host can stand for. */
function reachable({ ipv4, ipv6 }: Endpoint, { routed = [], withoutFirewall = [] }: BridgeNetwork): Targets {
  return {
    ipv4: routed.includes(4) ? '' : ipv4,
    ipv6: routed.includes(6) ? undefined : ipv6,
    relayed: withoutFirewall,
  };
}

/** Whether nothing of a request remains to be translated: its families are reached at the container's own addresses. */
function isRouted({ hostIp }: PortRequest, { ipv4, ipv6 }: Endpoint, routed: readonly Family[]): boolean {
  if (hostIp.includes(':')) return routed.includes(6) && ipv6 !== undefined;
  if (hostIp !== '') return routed.includes(4);
  return (routed.includes(4) || ipv4 === '') && (routed.includes(6) || ipv6 === undefined);
}

function openedPorts(
  requests: readonly PortRequest[],
  { ipv4, ipv6 }: Endpoint,
  routed: readonly Family[],
): PublishedPort[] {
  const families = [
    ...(routed.includes(4) && ipv4 !== '' ? ['0.0.0.0'] : []),
    ...(routed.includes(6) && ipv6 !== undefined ? ['::'] : []),
  ];
  const opened = requests.flatMap(({ containerPort, protocol, hostIp }) =>
    families
      .filter((any) => hostIp === '' || hostIp.includes(':') === any.includes(':'))
      .map((any): PublishedPort => ({ containerPort, protocol, hostIp: any, hostPort: 0 })),
  );
  // One container port may have been asked for at several ports of the host.
  return [...new Map(opened.map((p) => [`${p.hostIp} ${p.protocol} ${p.containerPort}`, p])).values()];
}

/** @throws {WharfError} `INVALID_PARAMETER` */
function checkPort({ containerPort, hostPort, hostIp }: PortRequest): void {
  const numbers = typeof hostPort === 'number' ? [hostPort] : hostPort;
  const valid = (port: number, least: number) => Number.isInteger(port) && port >= least && port <= 65535;
  if (!valid(containerPort, 1)) throw invalidParameter({ message: `invalid containerPort: ${containerPort}` });
  for (const port of numbers) {
    if (!valid(port, 0)) throw invalidParameter({ message: `invalid hostPort: ${port}` });
  }
  if (hostIp !== '' && findAddress(hostIp.replace(/^\[(.*)\]$/, '$1')) === undefined) {
    throw invalidParameter({ message: `invalid IP address: ${hostIp}` });
  }
}
