import { createSocket } from 'node:dgram';
import { Socket, isIPv6 } from 'node:net';
import { inNetns, openInetSocket } from '../../../linux/index.ts';

const TRIES = 3;
const TIMEOUT_MS = 4000;
const MAX_IN_FLIGHT = 1024;
const TOO_BUSY = 5;

export type Transport = 'udp' | 'tcp';

/** Other resolvers, in order, and the network namespace to ask them from; `undefined`: the host's. */
export interface Upstreams {
  readonly servers: readonly string[];
  readonly netns: string | undefined;
}

/** Asks other resolvers. */
export class Forwarder {
  #inFlight = 0;

  /**
   * The answer of the first of `servers` that gives a proper one, with the query's own ID; at most three are tried, four
   * seconds each. `undefined`: none did. `'busy'`: too many questions are open.
   */
  async ask(query: Buffer, { servers, netns }: Upstreams, transport: Transport): Promise<Buffer | 'busy' | undefined> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return 'busy';
    this.#inFlight++;
    try {
      let improper: Buffer | undefined;
      for (const server of servers.slice(0, TRIES)) {
        const answer = await (transport === 'udp' ? askUdp : askTcp)(query, server, netns);
        if (answer === undefined) continue;
        const code = (answer[3] ?? 0) & 15;
        if (code !== 2 && code !== TOO_BUSY) return answer;
        improper ??= answer;
      }
      return improper;
    } finally {
      this.#inFlight--;
    }
  }
}

/** A socket's descriptor in that namespace, or `undefined` if there can be none any more. */
function socketIn(netns: string, transport: Transport, host: string): number | undefined {
  try {
    return inNetns(netns, () => openInetSocket(transport, isIPv6(host) ? 6 : 4));
  } catch {
    return undefined;
  }
}

function askUdp(query: Buffer, server: string, netns: string | undefined): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const { host, port } = endpointOf(server);
    const fd = netns === undefined ? undefined : socketIn(netns, 'udp', host);
    if (netns !== undefined && fd === undefined) {
      resolve(undefined);
      return;
    }
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let over = false;
    const done = (answer?: Buffer) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(done, TIMEOUT_MS);
    socket.on('error', () => done());
    socket.on('message', (answer: Buffer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) done(answer);
    });
    if (fd !== undefined) socket.bind({ fd });
    // Connected: the kernel passes on only what comes from that server, and tells of a port that nobody listens at.
    socket.once('connect', () => {
      if (!over) socket.send(query);
    });
    // Without a callback, which would be told of a failure as well: that is an 'error' then.
    socket.connect(port, host);
  });
}

function askTcp(query: Buffer, server: string, netns: string | undefined): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let data = Buffer.alloc(0);
    const { host, port } = endpointOf(server);
    const fd = netns === undefined ? undefined : socketIn(netns, 'tcp', host);
    if (netns !== undefined && fd === undefined) {
      resolve(undefined);
      return;
    }
    // Without `manualStart` (not in the types) Node would read at once, before it is connected.
    const given = { fd, readable: true, writable: true, manualStart: true };
    const socket = fd === undefined ? new Socket() : new Socket(given);
    const done = (answer: Buffer | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(undefined), TIMEOUT_MS);
    socket.connect({ host, port });
    socket.on('error', () => done(undefined));
    socket.on('close', () => done(undefined));
    socket.on('connect', () => socket.write(framed(query)));
    socket.on('data', (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      if (data.length >= 2 && data.length >= 2 + data.readUInt16BE(0)) done(data.subarray(2, 2 + data.readUInt16BE(0)));
    });
  });
}

/** A message as TCP carries it: its length in front (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

/** `1.2.3.4`, or with a port `1.2.3.4#5353`. */
function endpointOf(server: string): { host: string; port: number } {
  const [host = '', port] = server.split('#');
  return { host, port: port === undefined ? 53 : Number(port) };
}
