import { bindInetSocket, closeSocket } from '../../linux/index.ts';
import type { Keeper, PortSocket, ResolverState } from './contract.ts';
import { DnsServer } from './dns/server.ts';
import { Forwarder } from './dns/forward.ts';
import { hostResolvConf } from '../resolv-conf.ts';
import { NameBook } from './dns/names.ts';
import { PumpThread } from './pump-thread.ts';
import type { Relay } from './relay.ts';
import { openRelay } from './relay.ts';

interface Held {
  readonly fd: number;
  readonly relay: Relay | undefined;
  readonly target: string;
}

/** The keeper's work, done in this process. Disposing it lets go of everything. */
export class LocalKeeper implements Keeper {
  onLost: (() => void) | undefined;
  readonly #book = new NameBook();
  readonly #forwarder = new Forwarder();
  readonly #pump = new PumpThread();
  readonly #resolvers = new Map<string, Promise<DnsServer>>();
  readonly #ports = new Map<string, Held>();

  async putResolver(state: ResolverState): Promise<{ udp: number; tcp: number; isNew: boolean }> {
    const { containerId } = state;
    this.#book.put(state);
    const before = this.#resolvers.get(containerId);
    const opening = before ?? this.#openResolver(state);
    this.#resolvers.set(containerId, opening);
    try {
      return { ...(await opening).ports, isNew: before === undefined };
    } catch (error) {
      if (this.#resolvers.get(containerId) === opening) {
        this.#resolvers.delete(containerId);
        this.#book.drop(containerId);
      }
      throw error;
    }
  }

  async dropResolver(containerId: string): Promise<void> {
    const opened = this.#resolvers.get(containerId);
    this.#resolvers.delete(containerId);
    this.#book.drop(containerId);
    await (await opened)?.[Symbol.asyncDispose]();
  }

  async hold(port: PortSocket): Promise<number> {
    const { protocol, hostIp, hostPort, relay } = port;
    const target = relay === undefined ? '' : `${relay.address} ${relay.port}`;
    const held = this.#ports.get(keyOf(port));
    if (held?.target === target) return hostPort;
    if (held !== undefined) await this.release([port]);
    // A socket that only holds its port queues nothing.
    const queue = relay === undefined ? { backlog: 0, receiveBufferBytes: 1 } : {};
    const socket = bindInetSocket({ protocol, address: hostIp, port: hostPort, ...queue });
    try {
      const opened =
        relay === undefined || protocol === 'sctp'
          ? undefined
          : await openRelay(socket.fd, protocol, relay, this.#pump);
      this.#ports.set(keyOf({ ...port, hostPort: socket.port }), { fd: socket.fd, relay: opened, target });
      return socket.port;
    } catch (error) {
      closeSocket(socket.fd);
      throw error;
    }
  }

  async release(ports: readonly PortSocket[]): Promise<void> {
    for (const port of ports) await this.#release(keyOf(port));
  }

  async keepOnly(containerIds: readonly string[], ports: readonly PortSocket[]): Promise<void> {
    const containers = new Set(containerIds);
    const keys = new Set(ports.map(keyOf));
    for (const id of this.#resolvers.keys()) if (!containers.has(id)) await this.dropResolver(id);
    for (const key of this.#ports.keys()) if (!keys.has(key)) await this.#release(key);
  }

  /** There is nobody here while the daemon is away. */
  async guard(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keepOnly([], []);
    await this.#pump.end();
  }

  #openResolver({ containerId, netns }: ResolverState): Promise<DnsServer> {
    const state = () => this.#book.get(containerId);
    return DnsServer.open(netns, {
      names: this.#book.sourceFor(containerId),
      forwarder: this.#forwarder,
      keepsSingleLabels: () => state()?.keepsSingleLabels ?? false,
      upstreams: () => {
        const { servers = [], forwards = false } = state() ?? {};
        // A server that the user named is where the container would find it: perhaps a container itself.
        if (servers.length > 0) return { servers, netns };
        return { servers: forwards ? hostResolvConf().servers : [], netns: undefined };
      },
    });
  }

  async #release(key: string): Promise<void> {
    const held = this.#ports.get(key);
    this.#ports.delete(key);
    if (held?.relay !== undefined) await held.relay[Symbol.asyncDispose]();
    else if (held !== undefined) closeSocket(held.fd);
  }
}

function keyOf({ protocol, hostIp, hostPort }: PortSocket): string {
  return `${protocol} ${hostIp} ${hostPort}`;
}
