import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { newId } from '../../src/core/ids.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Nft, RouteSocket } from '../../src/linux/index.ts';
import type { BridgeNetwork, Endpoint, NetworkRequest, Networks } from '../../src/network/index.ts';
import { openNetworks } from '../../src/network/index.ts';

/** Networks of an engine of their own, on addresses that nobody else uses, and programs inside of its namespaces. */
export class NetworkLab implements AsyncDisposable {
  readonly execRoot = mkdtempSync(path.join(tmpdir(), 'wharf-net-'));
  readonly instance = createHash('sha256').update(this.execRoot).digest('hex').slice(0, 6);
  readonly planned: BridgeNetwork[] = [];
  networks!: Networks;
  readonly #pool: string;
  readonly #containers = new Set<string>();
  readonly #programs = new Set<Program>();

  /** @param pool a block of addresses for this lab's networks, /20 */
  static async open(t: TestContext, pool: string): Promise<NetworkLab> {
    const lab = new NetworkLab(pool);
    t.after(() => lab[Symbol.asyncDispose]());
    await lab.reopen();
    return lab;
  }

  private constructor(pool: string) {
    this.#pool = pool;
  }

  /** Another engine on the same roots, as after a restart. */
  async reopen(): Promise<Networks> {
    const { execRoot, instance } = this;
    const addressPools = [{ base: this.#pool, size: 24 }];
    this.networks = await openNetworks({ execRoot, instance, addressPools, log: silentLogger });
    return this.networks;
  }

  async network(request: Partial<NetworkRequest> = {}): Promise<BridgeNetwork> {
    const id = newId();
    const whole = { id, name: 'lab', isDefault: false, subnets: [], internal: false, enableIpv6: false, options: {} };
    const network = await this.networks.plan({ ...whole, ...request }, this.planned);
    await this.networks.openNetwork(network);
    this.planned.push(network);
    return network;
  }

  /** A namespace on one network; `names` are its names there. */
  async container(
    network: BridgeNetwork,
    names: readonly string[] = [],
    extra: object = {},
    dns: readonly string[] = [],
  ): Promise<LabContainer> {
    const containerId = newId();
    this.#containers.add(containerId);
    const { path: netns } = await this.networks.openSandbox({ containerId, dns });
    const endpoint = await this.attach(containerId, network, names, extra);
    return { containerId, netns, endpoint };
  }

  /** As `container`, with names that are left to the search list. */
  async dottedContainer(network: BridgeNetwork, dns: readonly string[]): Promise<LabContainer> {
    const containerId = newId();
    this.#containers.add(containerId);
    const { path: netns } = await this.networks.openSandbox({ containerId, dns, keepsSingleLabels: true });
    return { containerId, netns, endpoint: await this.attach(containerId, network) };
  }

  attach(containerId: string, network: BridgeNetwork, names: readonly string[] = [], extra: object = {}) {
    const request = { containerId, endpointId: newId(), networkId: network.id, names, gateway: true };
    return this.networks.attach({ ...request, ...extra });
  }

  /** A program in a namespace (or the host's), running once it has said "ready"; ended with the lab. */
  async program(netns: string | undefined, script: string, ...args: string[]): Promise<Program> {
    const program = new Program(netns, script, args);
    this.#programs.add(program);
    await program.ready;
    return program;
  }

  /** Serves TCP and UDP on `port`: tells each client its address, as it is seen, behind `label`. */
  serve(netns: string | undefined, port: number, label: string): Promise<Program> {
    return this.program(netns, SERVER, String(port), label);
  }

  /** What a server says to a client in that namespace (or on the host); an errno name or `timeout` if it cannot be reached. */
  ask(netns: string | undefined, address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string> {
    return runInside(netns, CLIENT, address, String(port), protocol);
  }

  /** What the kernel holds that is this lab's. */
  census(): readonly string[] {
    using routes = new RouteSocket();
    using nft = new Nft();
    const links = routes.links();
    const marked = links.filter((l) => l.alias === `wharf:${this.instance}`);
    const indices = new Set(marked.map((l) => l.index));
    return [
      ...[...marked, ...links.filter((l) => indices.has(l.master))].map((l) => `link ${l.name}`),
      ...nft
        .run('list tables')
        .split('\n')
        .filter((line) => line.includes(this.instance)),
      ...readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.execRoot)),
    ];
  }

  async closeContainer(containerId: string): Promise<void> {
    this.#containers.delete(containerId);
    await this.networks.closeSandbox(containerId);
  }

  /** Takes everything down, and fails if anything is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program.end();
    for (const containerId of this.#containers) await this.networks.closeSandbox(containerId);
    for (const { id } of this.planned) await this.networks.removeNetwork(id);
    await this.networks[Symbol.asyncDispose]();
    const left = this.census();
    rmSync(this.execRoot, { recursive: true, force: true });
    assert.deepEqual(left, []);
  }
}

export interface LabContainer {
  readonly containerId: string;
  readonly netns: string;
  readonly endpoint: Endpoint;
}

export class Program {
  readonly ready: Promise<void>;
  output = '';
  readonly #child;
  readonly #closed;

  constructor(netns: string | undefined, script: string, args: readonly string[]) {
    const command = [
      ...(netns === undefined ? [] : ['nsenter', `--net=${netns}`]),
      process.execPath,
      '-e',
      script,
      ...args,
    ];
    this.#child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#closed = once(this.#child, 'close');
    this.ready = new Promise((resolve, reject) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        if (this.output.includes('ready')) resolve();
      });
      this.#child.once('close', () => reject(new Error('the program ended before it was ready')));
    });
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves once it has said so; rejects when it ends before. */
  async until(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const ended = this.#closed.then(() => Promise.reject(new Error(`it never said "${text}": ${this.output}`)));
      await Promise.race([once(this.#child.stdout, 'data'), ended]);
    }
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs a script of Node in a namespace to its end; what it printed. */
export async function runInside(netns: string | undefined, script: string, ...args: string[]): Promise<string> {
  const command = [
    ...(netns === undefined ? [] : ['nsenter', `--net=${netns}`]),
    process.execPath,
    '-e',
    script,
    ...args,
  ];
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return output.trim();
}

const SERVER = `
const [port, label] = process.argv.slice(1);
const plain = (address) => address.replace('::ffff:', '');
const udp = require('node:dgram').createSocket('udp4', (_, from) => udp.send(label + ' ' + from.address, from.port, from.address));
require('node:net').createServer((client) => { client.on('error', () => {}); client.end(label + ' ' + plain(client.remoteAddress)); })
  .listen(Number(port), '0.0.0.0', () => udp.bind(Number(port), () => console.log('ready')));
`;
const CLIENT = `
const [address, port, protocol] = process.argv.slice(1);
const finish = (text) => { console.log(text); process.exit(); };
setTimeout(finish, 1000, 'timeout');
if (protocol === 'udp') {
  const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4', (data) => finish(String(data)));
  socket.on('error', (error) => finish(error.code));
  socket.connect(Number(port), address, () => socket.send('hello'));
} else {
  let text = '';
  require('node:net').connect(Number(port), address).on('error', (error) => finish(error.code))
    .on('data', (data) => { text += data; }).on('end', () => finish(text || 'closed'));
}
`;
