import { errnoOf } from '../core/errors.ts';
import { holderOf } from '../core/port-user.ts';
import type { Family, PortRequest, PublishedPort } from './contract.ts';
import { hostAddressMissing, portTaken, portsExhausted } from './errors.ts';
import type { Keeper, PortSocket } from './keeper/contract.ts';

/** A port of the host that is ours: nobody else can bind it while we hold it. */
interface Held {
  readonly port: PublishedPort;
  /** `undefined`: it could not be had, but is ours all the same. */
  readonly socket: PortSocket | undefined;
}

/** Ports held for one container. */
export interface HeldPorts extends AsyncDisposable {
  readonly ports: readonly PublishedPort[];
  readonly sockets: readonly PortSocket[];
  /** Holds them anew, after the keeper was lost. */
  renew(onLost: (port: PublishedPort, error: unknown) => void): Promise<void>;
}

/** Addresses of a container, for relays and errors. */
export interface Targets {
  readonly ipv4: string;
  readonly ipv6?: string | undefined;
  /** Families that the firewall forwards nothing of. */
  readonly relayed: readonly Family[];
}

/**
 * The host's ports that containers have. Each is held by a real socket, so that other programs see it as taken and we see
 * theirs. Where the firewall forwards nothing ever arrives at the socket; the rest is relayed from it.
 */
export class PortHolder {
  readonly #keeper: Keeper;
  readonly #held = new Set<Held>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /**
   * Holds a port for each request (two for one without address: IPv4 and IPv6); all or none.
   * @throws {WharfError} `PORT_TAKEN`, `PORTS_EXHAUSTED`, `HOST_ADDRESS_MISSING`
   */
  async hold(requests: readonly PortRequest[], hostBinding: string, targets: Targets): Promise<HeldPorts> {
    const taken: Held[] = [];
    try {
      for (const request of requests) taken.push(...(await this.#holdOne(request, hostBinding, targets)));
    } catch (error) {
      await this.#release(taken);
      throw error;
    }
    return this.#handle(taken);
  }

  /**
   * Holds ports that a container has already, after a restart. One that somebody took in between still counts as ours (the
   * firewall forwards it); `onLost` is told.
   */
  async adopt(
    ports: readonly PublishedPort[],
    targets: Targets,
    onLost: (port: PublishedPort, error: unknown) => void,
  ): Promise<HeldPorts> {
    const taken = ports.map((port): Held => ({ port, socket: socketOf(port, targets) }));
    for (const held of taken) this.#held.add(held);
    const handle = this.#handle(taken);
    await handle.renew(onLost);
    return handle;
  }

  #handle(taken: readonly Held[]): HeldPorts {
    return {
      ports: taken.map((h) => h.port),
      sockets: taken.flatMap((h) => h.socket ?? []),
      renew: async (onLost) => {
        for (const { port, socket } of taken) {
          try {
            if (socket !== undefined) await this.#keeper.hold(socket);
          } catch (error) {
            onLost(port, error);
          }
        }
      },
      [Symbol.asyncDispose]: () => this.#release(taken),
    };
  }

  async #holdOne(request: PortRequest, hostBinding: string, targets: Targets): Promise<Held[]> {
    const { containerPort, protocol } = request;
    const addresses = addressesOf(request.hostIp, hostBinding, targets);
    const optional = (hostIp: string) => request.hostIp === '' && hostIp.includes(':');
    const holdAll = async (hostPort: number) => {
      const taken: Held[] = [];
      try {
        for (const hostIp of addresses) {
          // Where the kernel chose the first one, the others follow.
          const wanted = taken[0]?.port.hostPort ?? hostPort;
          const port = { containerPort, protocol, hostIp, hostPort: wanted };
          const held = await this.#bind(port, targets, optional(hostIp));
          if (held !== undefined) taken.push(held);
        }
        return taken;
      } catch (error) {
        await this.#release(taken);
        throw error;
      }
    };
    if (typeof request.hostPort === 'number' && request.hostPort !== 0) return holdAll(request.hostPort);
    const [from, to] = typeof request.hostPort === 'number' ? [1, 16] : request.hostPort;
    for (let candidate = from; candidate <= to; candidate++) {
      try {
        return await holdAll(typeof request.hostPort === 'number' ? 0 : candidate);
      } catch (error) {
        if (!portTaken.is(error)) throw error;
        if (from === to) throw error;
      }
    }
    throw portsExhausted({ hostIp: addresses[0] ?? '', from, to });
  }

  async #bind(port: PublishedPort, targets: Targets, optional: boolean): Promise<Held | undefined> {
    const { hostIp, hostPort, protocol } = port;
    const container = `${targets.ipv4 || `[${targets.ipv6}]`}:${port.containerPort}`;
    for (const { port: other } of this.#held) {
      if (hostPort !== 0 && other.protocol === protocol && other.hostPort === hostPort && meet(other.hostIp, hostIp)) {
        throw portTaken({ by: 'container', hostIp, hostPort, container, protocol });
      }
    }
    const wanted: Held = { port, socket: socketOf(port, targets) };
    // Ours from here on, before there is a socket: nobody else asks for it meanwhile.
    this.#held.add(wanted);
    try {
      const chosen = await this.#keeper.hold(socketOf(port, targets));
      if (chosen === hostPort) return wanted;
      this.#held.delete(wanted);
      const found = { ...port, hostPort: chosen };
      const held: Held = { port: found, socket: socketOf(found, targets) };
      this.#held.add(held);
      return held;
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (protocol === 'sctp' && ['EPROTONOSUPPORT', 'ESOCKTNOSUPPORT'].includes(errno) && hostPort !== 0) {
        const held: Held = { port, socket: undefined };
        this.#held.delete(wanted);
        this.#held.add(held);
        return held;
      }
      this.#held.delete(wanted);
      if (errno === 'EADDRINUSE') throw takenByHost(port, container, error);
      if (optional && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(errno)) return undefined;
      if (errno === 'EADDRNOTAVAIL')
        throw hostAddressMissing({ hostIp, hostPort, container, protocol }, { cause: error });
      throw error;
    }
  }

  async #release(all: readonly Held[]): Promise<void> {
    const ours = all.filter((held) => this.#held.has(held));
    const sockets = ours.flatMap((held) => held.socket ?? []);
    // Others may ask for it once it is free, not before.
    if (sockets.length > 0) await this.#keeper.release(sockets);
    for (const held of ours) this.#held.delete(held);
  }
}

/**
 * Who passes on what comes to this port: the firewall, to an address of the same family; a relay where that cannot (IPv6 to a
 * container without, `::1`, which the kernel forwards nowhere, and all where the firewall is left alone); or, for all addresses of IPv6, each what is its part.
 */
export function waysOf(
  { hostIp, protocol }: PublishedPort,
  { ipv4, ipv6, relayed }: Targets,
): { readonly forwardTo: string | undefined; readonly relayTo: string | undefined } {
  const isRelayed = relayed.includes(hostIp.includes(':') ? 6 : 4);
  if (!hostIp.includes(':')) {
    const relays = isRelayed && protocol !== 'sctp';
    return { forwardTo: isRelayed ? undefined : ipv4 || undefined, relayTo: relays ? ipv4 || ipv6 : undefined };
  }
  const isLoopback = hostIp === '::1';
  const relays = protocol !== 'sctp' && (isRelayed || isLoopback || hostIp === '::' || ipv6 === undefined);
  return { forwardTo: isRelayed || isLoopback ? undefined : ipv6, relayTo: relays ? (ipv6 ?? ipv4) : undefined };
}

function socketOf(port: PublishedPort, targets: Targets): PortSocket {
  const { protocol, hostIp, hostPort, containerPort } = port;
  const { relayTo } = waysOf(port, targets);
  const relay = relayTo === undefined ? {} : { relay: { address: relayTo, port: containerPort } };
  return { protocol, hostIp, hostPort, ...relay };
}

/** A network without IPv4 has no use for the host's IPv4 addresses. */
function addressesOf(asked: string, hostBinding: string, { ipv4 }: Targets): string[] {
  const plain = asked.replace(/^\[(.*)\]$/, '$1');
  if (plain !== '') return [plain];
  if (hostBinding !== '0.0.0.0') return [hostBinding];
  return ipv4 === '' ? ['::'] : ['0.0.0.0', '::'];
}

/** Whether two bindings of the same port are in each other's way. */
function meet(a: string, b: string): boolean {
  if (a.includes(':') !== b.includes(':')) return false;
  return a === b || [a, b].some((address) => address === '0.0.0.0' || address === '::');
}

function takenByHost(port: PublishedPort, container: string, cause: unknown) {
  const { hostIp, hostPort, protocol } = port;
  const holder = holderOf(protocol, hostPort);
  return portTaken({ by: 'host', hostIp, hostPort, container, protocol, holder }, { cause });
}
