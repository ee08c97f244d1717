import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { bindInetSocket, closeSocket } from '../linux/index.ts';
import type { PortRequest, PublishedPort } from './contract.ts';
import { hostAddressMissing, portTaken, portsExhausted } from './errors.ts';
import type { Relay } from './relay.ts';
import { openRelay } from './relay.ts';

/** A port of the host that is ours: nobody else can bind it while we hold it. */
interface Held {
  readonly port: PublishedPort;
  readonly fd: number | undefined;
  relay?: Relay;
}

/** Ports held for one container. */
export interface HeldPorts extends AsyncDisposable {
  readonly ports: readonly PublishedPort[];
}

/**
 * The host's ports that containers have. Each is held by a real socket, so that other programs see it as taken and we see
 * theirs. With IPv4 the firewall forwards and nothing ever arrives at the socket; IPv6 is relayed from it by this process.
 */
export class PortHolder {
  readonly #held = new Set<Held>();

  /**
   * Holds a port for each request (two for one without address: IPv4 and IPv6); all or none.
   * @param target the container's address, for relays and errors
   * @throws {WharfError} `PORT_TAKEN`, `PORTS_EXHAUSTED`, `HOST_ADDRESS_MISSING`
   */
  async hold(requests: readonly PortRequest[], hostBinding: string, target: string): Promise<HeldPorts> {
    const taken: Held[] = [];
    try {
      for (const request of requests) taken.push(...this.#holdOne(request, hostBinding, target));
      for (const held of taken) await startRelay(held, target);
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
    target: string,
    onLost: (port: PublishedPort, error: unknown) => void,
  ): Promise<HeldPorts> {
    const taken: Held[] = [];
    for (const port of ports) {
      let held: Held = { port, fd: undefined };
      try {
        held = { port, fd: bind(port, target) };
        await startRelay(held, target);
      } catch (error) {
        onLost(port, error);
      }
      this.#held.add(held);
      taken.push(held);
    }
    return this.#handle(taken);
  }

  #handle(taken: readonly Held[]): HeldPorts {
    return { ports: taken.map((h) => h.port), [Symbol.asyncDispose]: () => this.#release(taken) };
  }

  #holdOne(request: PortRequest, hostBinding: string, target: string): Held[] {
    const { containerPort, protocol } = request;
    const addresses = addressesOf(request.hostIp, hostBinding);
    const optional = (hostIp: string) => request.hostIp === '' && hostIp.includes(':');
    const holdAll = (hostPort: number) => {
      const taken: Held[] = [];
      try {
        for (const hostIp of addresses) {
          // Where the kernel chose the first one, the others follow.
          const wanted = taken[0]?.port.hostPort ?? hostPort;
          const held = this.#bindFree({ containerPort, protocol, hostIp, hostPort: wanted }, target, optional(hostIp));
          if (held !== undefined) taken.push(held);
        }
        return taken;
      } catch (error) {
        for (const held of taken) this.#drop(held);
        throw error;
      }
    };
    if (typeof request.hostPort === 'number' && request.hostPort !== 0) return holdAll(request.hostPort);
    const [from, to] = typeof request.hostPort === 'number' ? [1, 16] : request.hostPort;
    for (let candidate = from; candidate <= to; candidate++) {
      try {
        return holdAll(typeof request.hostPort === 'number' ? 0 : candidate);
      } catch (error) {
        if (!portTaken.is(error)) throw error;
        if (from === to) throw error;
      }
    }
    throw portsExhausted({ hostIp: addresses[0] ?? '', from, to });
  }

  #bindFree(port: PublishedPort, target: string, optional: boolean): Held | undefined {
    const { hostIp, hostPort, protocol } = port;
    const container = `${target}:${port.containerPort}`;
    for (const { port: other } of this.#held) {
      if (other.protocol === protocol && other.hostPort === hostPort && meet(other.hostIp, hostIp)) {
        throw portTaken({ by: 'container', hostIp, hostPort, container, protocol });
      }
    }
    try {
      const socket = bindInetSocket({ ...socketOptions(port), address: hostIp, port: hostPort, protocol });
      const held: Held = { port: { ...port, hostPort: socket.port }, fd: socket.fd };
      this.#held.add(held);
      return held;
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (protocol === 'sctp' && ['EPROTONOSUPPORT', 'ESOCKTNOSUPPORT'].includes(errno) && hostPort !== 0) {
        const held: Held = { port, fd: undefined };
        this.#held.add(held);
        return held;
      }
      if (errno === 'EADDRINUSE') throw takenByHost(port, container, error);
      if (optional && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(errno)) return undefined;
      if (errno === 'EADDRNOTAVAIL')
        throw hostAddressMissing({ hostIp, hostPort, container, protocol }, { cause: error });
      throw error;
    }
  }

  #drop(held: Held): void {
    this.#held.delete(held);
    if (held.fd !== undefined && held.relay === undefined) closeSocket(held.fd);
  }

  async #release(all: readonly Held[]): Promise<void> {
    for (const held of all) {
      if (!this.#held.has(held)) continue;
      this.#drop(held);
      await held.relay?.[Symbol.asyncDispose]();
    }
  }
}

async function startRelay(held: Held, target: string): Promise<void> {
  const { port, fd } = held;
  if (fd === undefined || !isRelayed(port)) return;
  held.relay = await openRelay(fd, port.protocol === 'udp' ? 'udp' : 'tcp', {
    address: target,
    port: port.containerPort,
  });
}

/** Whether this port is served by a relay, and not by the firewall. */
export function isRelayed({ hostIp, protocol }: PublishedPort): boolean {
  return hostIp.includes(':') && protocol !== 'sctp';
}

function bind(port: PublishedPort, target: string): number | undefined {
  try {
    return bindInetSocket({
      ...socketOptions(port),
      address: port.hostIp,
      port: port.hostPort,
      protocol: port.protocol,
    }).fd;
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') throw takenByHost(port, `${target}:${port.containerPort}`, error);
    throw error;
  }
}

/** A socket that only holds its port queues nothing. */
function socketOptions(port: PublishedPort): { backlog?: number; receiveBufferBytes?: number } {
  return isRelayed(port) ? {} : { backlog: 0, receiveBufferBytes: 1 };
}

function addressesOf(asked: string, hostBinding: string): string[] {
  const plain = asked.replace(/^\[(.*)\]$/, '$1');
  if (plain !== '') return [plain];
  return hostBinding === '0.0.0.0' ? ['0.0.0.0', '::'] : [hostBinding];
}

/** Whether two bindings of the same port are in each other's way. */
function meet(a: string, b: string): boolean {
  if (a.includes(':') !== b.includes(':')) return false;
  return a === b || [a, b].some((address) => address === '0.0.0.0' || address === '::');
}

function takenByHost(port: PublishedPort, container: string, cause: unknown) {
  const { hostIp, hostPort, protocol } = port;
  const holder = holderOf(protocol, hostPort);
  return portTaken(
    { by: 'host', hostIp, hostPort, container, protocol },
    { cause, hint: holder === undefined ? undefined : `${protocol} port ${hostPort} is held by ${holder}` },
  );
}

/** The program of this machine that has the port, as `name (pid N)`, as far as /proc tells. */
function holderOf(protocol: string, hostPort: number): string | undefined {
  const suffix = `:${hostPort.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const file of [`/proc/net/${protocol}`, `/proc/net/${protocol}6`]) {
    for (const line of read(file).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const listens = protocol !== 'tcp' || fields[3] === '0A';
      if (listens && fields[1]?.endsWith(suffix)) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      let target = '';
      try {
        target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        continue;
      }
      if (inodes.has(target)) return `${read(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
