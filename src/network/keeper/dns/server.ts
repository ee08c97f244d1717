import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { DecodedPacket } from 'dns-packet';
import { bindInetSocket, closeSocket, inNetns } from '../../../linux/index.ts';
import { DNS_ADDRESS } from '../contract.ts';
import type { NameSource } from './answer.ts';
import { REFUSED, SERVFAIL, answerLocally, emptyAnswer, fitUdp, reply } from './answer.ts';
import type { Forwarder, Transport, Upstreams } from './forward.ts';
import { framed } from './forward.ts';
import { readQuery } from './read-query.ts';

/** A client that holds a connection open without asking is let go. */
const TCP_IDLE_MS = 10_000;

export interface DnsOptions {
  readonly names: NameSource;
  readonly forwarder: Forwarder;
  /** Resolvers for the rest; read anew for each question. */
  readonly upstreams: () => Upstreams;
  /** Whether names without a dot are asked nowhere else. */
  readonly keepsSingleLabels: () => boolean;
}

/**
 * Name resolution inside one network namespace, at two ports of 127.0.0.11 there; rules in the namespace's firewall lead port
 * 53 to them, so that a container may itself listen on that.
 */
export class DnsServer implements AsyncDisposable {
  readonly ports: { readonly udp: number; readonly tcp: number };
  readonly #options: DnsOptions;
  readonly #udp: DatagramSocket;
  readonly #tcp: Server;
  readonly #clients = new Set<Socket>();

  static async open(netns: string, options: DnsOptions): Promise<DnsServer> {
    const { udp, tcp } = inNetns(netns, bindBoth);
    const server = new DnsServer(options, { udp: udp.port, tcp: tcp.port });
    const listening = Promise.all([once(server.#udp, 'listening'), once(server.#tcp, 'listening')]);
    server.#udp.bind({ fd: udp.fd });
    server.#tcp.listen({ fd: tcp.fd });
    await listening;
    return server;
  }

  private constructor(options: DnsOptions, ports: { readonly udp: number; readonly tcp: number }) {
    this.#options = options;
    this.ports = ports;
    this.#udp = createSocket('udp4', (message, from) => {
      void this.#answer(message, 'udp').then((answer) => {
        // A client that has gone meanwhile is no concern of ours.
        if (answer !== undefined) this.#udp.send(answer, from.port, from.address, () => undefined);
      }, ignore);
    });
    this.#udp.on('error', ignore);
    this.#tcp = createServer((client) => this.#serve(client));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all([once(this.#udp, 'close'), once(this.#tcp, 'close')]);
    this.#udp.close();
    this.#tcp.close();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    client.on('error', ignore);
    client.setTimeout(TCP_IDLE_MS, () => client.destroy());
    let data = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      while (data.length >= 2 && data.length >= 2 + data.readUInt16BE(0)) {
        const message = data.subarray(2, 2 + data.readUInt16BE(0));
        data = data.subarray(2 + message.length);
        void this.#answer(message, 'tcp').then((answer) => {
          if (answer !== undefined && client.writable) client.write(framed(answer));
        }, ignore);
      }
    });
  }

  async #answer(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const query = readQuery(message);
    if (query === undefined) return undefined;
    const { names, forwarder, upstreams, keepsSingleLabels } = this.#options;
    const local = answerLocally(query, names);
    if (local !== undefined) return transport === 'udp' ? fitUdp(query, local) : local;
    if (keepsSingleLabels() && isSingleLabel(query)) return emptyAnswer(query);
    const answer = await forwarder.ask(message, upstreams(), transport);
    if (answer === 'busy') return reply(query, REFUSED);
    return answer ?? reply(query, SERVFAIL);
  }
}

/** The user wants such names completed by his search list first: asked elsewhere as they are, they could be found there. */
function isSingleLabel(query: DecodedPacket): boolean {
  const [question] = query.questions ?? [];
  const isAddress = question?.type === 'A' || question?.type === 'AAAA';
  return isAddress && !question.name.replace(/\.$/, '').includes('.');
}

/** Two sockets of the namespace that this thread is in. */
function bindBoth() {
  const udp = bindInetSocket({ protocol: 'udp', address: DNS_ADDRESS, port: 0 });
  try {
    return { udp, tcp: bindInetSocket({ protocol: 'tcp', address: DNS_ADDRESS, port: 0 }) };
  } catch (error) {
    closeSocket(udp.fd);
    throw error;
  }
}

function ignore(): void {}
