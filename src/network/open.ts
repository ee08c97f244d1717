import { readdirSync } from 'node:fs';
import path from 'node:path';
import { invalidParameter, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { Nft, RouteSocket, createNetns, inNetns, removeNetns } from '../linux/index.ts';
import type { Prefix } from './addresses.ts';
import { contains, macOf, parseAddress, prefixOf } from './addresses.ts';
import { ensureBridge, markOf } from './bridge.ts';
import type {
  BridgeNetwork,
  Endpoint,
  EndpointRequest,
  NetworkRequest,
  Networks,
  NetworksOptions,
  PortRequest,
  PublishedPort,
  SandboxRecord,
  SandboxRequest,
} from './contract.ts';
import { Forwarder } from './dns/forward.ts';
import { namesFor } from './dns/names.ts';
import { DnsServer } from './dns/server.ts';
import { addressesExhausted, alreadyAttached, networkNotOpen, sandboxNotOpen } from './errors.ts';
import type { Forward } from './firewall.ts';
import { renderFirewall, renderForwards, renderRemoval } from './firewall.ts';
import { AddressAllocator } from './ipam.ts';
import { planNetwork } from './plan.ts';
import type { HeldPorts } from './port-holder.ts';
import { PortHolder, isRelayed } from './port-holder.ts';
import { hostResolvConf, renderResolvConf } from './resolv-conf.ts';
import { connectEndpoint, shutEndpoint, useAsGateway } from './wire.ts';

/** Opens the networks of one engine. Touches nothing in the kernel until it is asked to. */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  return new KernelNetworks(options);
}

interface OpenNetwork {
  readonly network: BridgeNetwork;
  readonly bridgeIndex: number;
  readonly allocators: readonly AddressAllocator[];
  /** By container. */
  readonly endpoints: Map<string, Endpoint>;
}

interface Publication extends AsyncDisposable {
  readonly networkId: string;
  readonly held: HeldPorts;
  readonly forwards: readonly Forward[];
}

interface Sandbox {
  readonly request: SandboxRequest;
  readonly path: string;
  /** By network. */
  readonly endpoints: Map<string, Endpoint>;
  readonly publications: Set<Publication>;
  dns: Promise<DnsServer> | undefined;
}

/**
 * Kernel calls are synchronous and run to their end without anything in between, so state here and in the kernel changes
 * together; what takes longer (deleting devices, opening sockets for Node) happens on top of a state that is consistent.
 */
class KernelNetworks implements Networks {
  readonly #options: NetworksOptions;
  readonly #log: Logger;
  readonly #routes = new RouteSocket();
  readonly #nft = new Nft();
  readonly #forwarder = new Forwarder();
  readonly #ports = new PortHolder();
  readonly #networks = new Map<string, OpenNetwork>();
  readonly #sandboxes = new Map<string, Sandbox>();
  /** Devices that the kernel is taking down. */
  readonly #departing = new Set<Promise<void>>();

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  async plan(request: NetworkRequest, others: readonly BridgeNetwork[]): Promise<BridgeNetwork> {
    // What our own networks put there is known from `others`; a bridge left from before is in nobody's way.
    const own = new Set(others.map((n) => n.bridge));
    const ours = new Set(
      this.#routes
        .links()
        .filter((l) => own.has(l.name) || l.alias === markOf(this.#options.instance))
        .map((l) => l.index),
    );
    const taken: Prefix[] = [];
    for (const { index, address, prefixLength } of this.#routes.addresses()) {
      if (!ours.has(index)) taken.push(prefixOf(parseAddress(address), prefixLength));
    }
    for (const { index, destination } of this.#routes.routes()) {
      if (destination === undefined || (index !== undefined && ours.has(index))) continue;
      taken.push(prefixOf(parseAddress(destination.address), destination.prefixLength));
    }
    // Resolvers of the host must stay reachable too.
    for (const server of hostResolvConf().servers) {
      const address = server.includes('%') ? undefined : parseAddress(server);
      if (address !== undefined) taken.push(prefixOf(address, address.family === 4 ? 32 : 128));
    }
    return planNetwork(request, others, taken, this.#options);
  }

  async openNetwork(network: BridgeNetwork): Promise<void> {
    if (this.#networks.has(network.id)) return;
    const bridgeIndex = await ensureBridge(this.#routes, network, this.#options.instance);
    if (this.#networks.has(network.id)) return;
    const allocators = network.subnets.map((s) => new AddressAllocator(network.name, s));
    this.#networks.set(network.id, { network, bridgeIndex, allocators, endpoints: new Map() });
    try {
      this.#writeFirewall();
    } catch (error) {
      this.#networks.delete(network.id);
      await this.#deleteBridge(network);
      throw error;
    }
  }

  async removeNetwork(networkId: string): Promise<void> {
    const open = this.#networks.get(networkId);
    if (open === undefined) return;
    for (const containerId of open.endpoints.keys()) await this.detach(containerId, networkId);
    this.#networks.delete(networkId);
    this.#writeFirewall();
    await Promise.all(this.#departing);
    await this.#deleteBridge(open.network);
  }

  async openSandbox(request: SandboxRequest): Promise<{ readonly path: string }> {
    const { containerId } = request;
    const open = this.#sandboxes.get(containerId);
    if (open !== undefined) return { path: open.path };
    const file = this.#netnsPath(containerId);
    // One left by a run that went wrong has nobody in it who is ours.
    removeNetns(file);
    createNetns(file, () => {
      using inside = new RouteSocket();
      inside.setUp(inside.getLink('lo').index);
    });
    this.#sandboxes.set(containerId, emptySandbox(request, file));
    return { path: file };
  }

  sandboxPath(containerId: string): string | undefined {
    return this.#sandboxes.get(containerId)?.path;
  }

  async attach(request: EndpointRequest): Promise<Endpoint> {
    const { containerId, networkId } = request;
    const sandbox = this.#sandbox(containerId);
    const open = this.#network(networkId);
    const { network } = open;
    if (sandbox.endpoints.has(networkId)) throw alreadyAttached({ network: network.name });

    await using undo = new AsyncDisposableStack();
    const endpoint = decideEndpoint(request, open, sandbox, undo);
    undo.defer(() => this.#routes.deleteLink(endpoint.hostVeth));
    connectEndpoint(this.#routes, sandbox.path, network, open.bridgeIndex, endpoint);
    sandbox.endpoints.set(networkId, endpoint);
    open.endpoints.set(containerId, endpoint);
    undo.defer(() => {
      sandbox.endpoints.delete(networkId);
      open.endpoints.delete(containerId);
    });
    if (!network.isDefault) await this.#openDns(sandbox);
    undo.move();
    return endpoint;
  }

  async detach(containerId: string, networkId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(containerId);
    const endpoint = sandbox?.endpoints.get(networkId);
    if (sandbox === undefined || endpoint === undefined) return;
    for (const publication of sandbox.publications) {
      if (publication.networkId === networkId) await publication[Symbol.asyncDispose]();
    }
    this.#forget(sandbox, networkId);
    await this.#routes.deleteLink(endpoint.hostVeth);
    const rest = [...sandbox.endpoints].filter(([id]) => this.#networks.get(id)?.network.internal === false);
    const next = rest[0]?.[1];
    if (endpoint.request.gateway && next !== undefined) useAsGateway(sandbox.path, next);
  }

  rename(containerId: string, networkId: string, names: readonly string[]): void {
    const sandbox = this.#sandboxes.get(containerId);
    const endpoint = sandbox?.endpoints.get(networkId);
    if (sandbox === undefined || endpoint === undefined) return;
    const renamed: Endpoint = { ...endpoint, request: { ...endpoint.request, names } };
    sandbox.endpoints.set(networkId, renamed);
    this.#networks.get(networkId)?.endpoints.set(containerId, renamed);
  }

  async publish(
    containerId: string,
    networkId: string,
    ports: readonly PortRequest[],
  ): Promise<readonly PublishedPort[]> {
    const sandbox = this.#sandbox(containerId);
    const { network } = this.#network(networkId);
    const endpoint = sandbox.endpoints.get(networkId);
    if (endpoint === undefined) throw networkNotOpen({ networkId });
    // Nobody outside can reach a container of an internal network.
    if (network.internal || ports.length === 0) return [];
    for (const port of ports) checkPort(port);
    const held = await this.#ports.hold(ports, network.hostBinding, endpoint.ipv4);
    try {
      const publication = this.#publication(sandbox, networkId, endpoint, held);
      if (publication.forwards.length > 0) {
        this.#nft.run(renderForwards(this.#options.instance, 'add', publication.forwards));
      }
      sandbox.publications.add(publication);
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    }
    return held.ports;
  }

  async unpublish(containerId: string): Promise<void> {
    for (const publication of this.#sandboxes.get(containerId)?.publications ?? []) {
      await publication[Symbol.asyncDispose]();
    }
  }

  /**
   * Also: the namespace is let go at once and its devices are cut off, but the kernel takes them down a moment later.
   * `removeNetwork` and disposal wait for that.
   */
  async closeSandbox(containerId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox === undefined) {
      removeNetns(this.#netnsPath(containerId));
      return;
    }
    this.#sandboxes.delete(containerId);
    const failures: unknown[] = [];
    const attempt = async (work: () => Promise<void> | void) => {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    };
    for (const publication of sandbox.publications) await attempt(async () => publication[Symbol.asyncDispose]());
    for (const [networkId, endpoint] of sandbox.endpoints) {
      await attempt(() => shutEndpoint(this.#routes, endpoint));
      this.#forget(sandbox, networkId);
      this.#depart(endpoint.hostVeth);
    }
    await attempt(() => closeDns(sandbox));
    await attempt(() => removeNetns(sandbox.path));
    if (failures.length > 0) throw new AggregateError(failures);
  }

  async recover(networks: readonly BridgeNetwork[], sandboxes: readonly SandboxRecord[]): Promise<void> {
    for (const network of networks) {
      try {
        await this.openNetwork(network);
      } catch (error) {
        this.#log.error('network not recovered', { networkId: network.id, error: messageOf(error) });
      }
    }
    for (const record of sandboxes) {
      const { containerId } = record.request;
      try {
        await this.#adopt(record);
      } catch (error) {
        this.#log.warn('network namespace not recovered', { containerId, error: messageOf(error) });
      }
    }
    this.#writeFirewall();
    await this.#sweep();
  }

  resolvConf(options: Parameters<Networks['resolvConf']>[0]): string {
    return renderResolvConf(options);
  }

  /** Lets go of sockets. Where no container is left, bridges and firewall tables go too: the next start makes them anew. */
  async [Symbol.asyncDispose](): Promise<void> {
    const idle = this.#sandboxes.size === 0;
    for (const sandbox of this.#sandboxes.values()) {
      await closeDns(sandbox);
      for (const { held } of sandbox.publications) await held[Symbol.asyncDispose]();
    }
    this.#sandboxes.clear();
    await Promise.all(this.#departing);
    if (idle) {
      await Promise.all([...this.#networks.values()].map(({ network }) => this.#deleteBridge(network)));
      this.#nft.run(renderRemoval(this.#options.instance));
    }
    this.#networks.clear();
    this.#nft[Symbol.dispose]();
    this.#routes[Symbol.dispose]();
  }

  /** Takes up a sandbox that is in the kernel already. */
  async #adopt({ request, endpoints, ports }: SandboxRecord): Promise<void> {
    const file = this.#netnsPath(request.containerId);
    const sandbox = emptySandbox(request, file);
    // Fails unless a namespace is mounted there: an empty file is none.
    inNetns(file, () => undefined);
    this.#sandboxes.set(request.containerId, sandbox);
    for (const endpoint of endpoints) {
      const { networkId } = endpoint.request;
      const open = this.#networks.get(networkId);
      if (open === undefined || this.#routes.findLink(endpoint.hostVeth) === undefined) {
        this.#log.warn('endpoint not recovered', { containerId: request.containerId, networkId });
        continue;
      }
      sandbox.endpoints.set(networkId, endpoint);
      open.endpoints.set(request.containerId, endpoint);
      for (const address of [endpoint.ipv4, endpoint.ipv6]) {
        if (address !== undefined) allocatorFor(open, address)?.adopt(address);
      }
    }
    const onIt = [...sandbox.endpoints.values()];
    if (onIt.some((e) => this.#networks.get(e.request.networkId)?.network.isDefault === false)) {
      await this.#openDns(sandbox);
    }
    const published = onIt.find((e) => e.request.gateway) ?? onIt[0];
    if (published === undefined || ports.length === 0) return;
    const held = await this.#ports.adopt(ports, published.ipv4, (port, error) => {
      this.#log.warn('published port is not held', {
        ...port,
        containerId: request.containerId,
        error: messageOf(error),
      });
    });
    sandbox.publications.add(this.#publication(sandbox, published.request.networkId, published, held));
  }

  /** Removes what carries our mark and is nobody's: namespaces, ports of our bridges, bridges. */
  async #sweep(): Promise<void> {
    const directory = path.join(this.#options.execRoot, 'netns');
    const known = new Set([...this.#sandboxes.values()].map((s) => s.path));
    for (const name of listDirectory(directory)) {
      const file = path.join(directory, name);
      if (known.has(file)) continue;
      this.#log.info('stray network namespace removed', { file });
      removeNetns(file);
    }
    const veths = new Set(
      [...this.#networks.values()].flatMap((n) => [...n.endpoints.values()].map((e) => e.hostVeth)),
    );
    const bridges = new Set([...this.#networks.values()].map((n) => n.network.bridge));
    const links = this.#routes.links();
    const marked = links.filter((l) => l.alias === markOf(this.#options.instance));
    const ours = new Set(marked.map((l) => l.index));
    const strays = [
      ...links.filter((l) => l.kind === 'veth' && ours.has(l.master) && !veths.has(l.name)),
      ...marked.filter((l) => !bridges.has(l.name)),
    ];
    for (const { name } of strays) {
      this.#log.info('stray device removed', { name });
      await this.#routes.deleteLink(name);
    }
  }

  async #openDns(sandbox: Sandbox): Promise<void> {
    const networks = () => [...sandbox.endpoints.keys()].flatMap((id) => this.#networks.get(id) ?? []);
    const opening = (sandbox.dns ??= DnsServer.open(sandbox.path, {
      names: namesFor(sandbox.request.containerId, networks),
      forwarder: this.#forwarder,
      upstreams: () => {
        // Names of the world are no business of a container that cannot reach it.
        if (networks().every((n) => n.network.internal)) return [];
        return sandbox.request.dns.length > 0 ? sandbox.request.dns : hostResolvConf().servers;
      },
    }));
    try {
      await opening;
    } catch (error) {
      if (sandbox.dns === opening) sandbox.dns = undefined;
      throw error;
    }
  }

  #publication(sandbox: Sandbox, networkId: string, endpoint: Endpoint, held: HeldPorts): Publication {
    const forwards = held.ports.filter((p) => !isRelayed(p)).map((p): Forward => ({ ...p, target: endpoint.ipv4 }));
    const publication: Publication = {
      networkId,
      held,
      forwards,
      [Symbol.asyncDispose]: async () => {
        if (!sandbox.publications.delete(publication)) return;
        try {
          if (forwards.length > 0) this.#nft.run(renderForwards(this.#options.instance, 'delete', forwards));
        } finally {
          await held[Symbol.asyncDispose]();
        }
      },
    };
    return publication;
  }

  #writeFirewall(): void {
    const { instance } = this.#options;
    const forwards = [...this.#sandboxes.values()].flatMap((s) => [...s.publications].flatMap((p) => p.forwards));
    const networks = [...this.#networks.values()].map((n) => n.network);
    this.#nft.run(networks.length === 0 ? renderRemoval(instance) : renderFirewall(instance, networks, forwards));
  }

  async #deleteBridge({ bridge }: BridgeNetwork): Promise<void> {
    if (this.#routes.findLink(bridge)?.alias === markOf(this.#options.instance)) await this.#routes.deleteLink(bridge);
  }

  /** Takes an endpoint off the books; its addresses are free. */
  #forget(sandbox: Sandbox, networkId: string): void {
    const endpoint = sandbox.endpoints.get(networkId);
    const open = this.#networks.get(networkId);
    sandbox.endpoints.delete(networkId);
    open?.endpoints.delete(sandbox.request.containerId);
    if (endpoint === undefined || open === undefined) return;
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address !== undefined) allocatorFor(open, address)?.release(address);
    }
  }

  #depart(hostVeth: string): void {
    const gone = this.#routes
      .deleteLink(hostVeth)
      .catch((error: unknown) => this.#log.warn('device not removed', { hostVeth, error: messageOf(error) }))
      .finally(() => this.#departing.delete(gone));
    this.#departing.add(gone);
  }

  #sandbox(containerId: string): Sandbox {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox === undefined) throw sandboxNotOpen({ containerId });
    return sandbox;
  }

  #network(networkId: string): OpenNetwork {
    const open = this.#networks.get(networkId);
    if (open === undefined) throw networkNotOpen({ networkId });
    return open;
  }

  #netnsPath(containerId: string): string {
    return path.join(this.#options.execRoot, 'netns', containerId);
  }
}

function emptySandbox(request: SandboxRequest, file: string): Sandbox {
  return { request, path: file, endpoints: new Map(), publications: new Set(), dns: undefined };
}

async function closeDns(sandbox: Sandbox): Promise<void> {
  const opened = sandbox.dns;
  sandbox.dns = undefined;
  await (await opened)?.[Symbol.asyncDispose]();
}

/** Names, addresses and MAC of a new endpoint; the addresses are taken, and given back by `undo`. */
function decideEndpoint(
  request: EndpointRequest,
  open: OpenNetwork,
  sandbox: Sandbox,
  undo: AsyncDisposableStack,
): Endpoint {
  if (request.mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(request.mac)) {
    throw invalidParameter({ message: `invalid MAC address: ${request.mac}` });
  }
  const take = (family: 4 | 6, asked: string | undefined) => {
    const { allocator, address } = takeAddress(open, family, asked);
    undo.defer(() => allocator.release(address));
    const gateway = open.network.subnets[open.allocators.indexOf(allocator)]?.gateway ?? '';
    return { address, prefixLength: allocator.prefix.length, gateway };
  };
  const v4 = take(4, request.ipv4);
  const v6 = open.allocators.some((a) => a.prefix.family === 6) ? take(6, request.ipv6) : undefined;
  const names = new Set([...sandbox.endpoints.values()].map((e) => e.ifname));
  let number = 0;
  while (names.has(`eth${number}`)) number++;
  return {
    request,
    ifname: `eth${number}`,
    hostVeth: `veth${request.endpointId.slice(0, 7)}`,
    mac: request.mac?.toLowerCase() ?? macOf(parseAddress(v4.address)),
    ipv4: v4.address,
    prefixLength: v4.prefixLength,
    gateway: v4.gateway,
    ...(v6 && { ipv6: v6.address, ipv6PrefixLength: v6.prefixLength, ipv6Gateway: v6.gateway }),
  };
}

function takeAddress(open: OpenNetwork, family: 4 | 6, asked: string | undefined) {
  if (asked !== undefined && asked !== '') {
    const address = parseAddress(asked);
    const allocator = address.family === family ? allocatorFor(open, asked) : undefined;
    if (allocator === undefined)
      throw invalidParameter({ message: `no configured subnet contains IP address ${asked}` });
    return { allocator, address: allocator.reserve(asked) };
  }
  let failure: unknown;
  for (const allocator of open.allocators.filter((a) => a.prefix.family === family)) {
    try {
      return { allocator, address: allocator.allocate() };
    } catch (error) {
      if (!addressesExhausted.is(error)) throw error;
      failure = error;
    }
  }
  throw failure ?? addressesExhausted({ family, network: open.network.name, subnet: 'none' });
}

function allocatorFor(open: OpenNetwork, address: string): AddressAllocator | undefined {
  return open.allocators.find((a) => contains(a.prefix, parseAddress(address)));
}

function checkPort({ containerPort, hostPort }: PortRequest): void {
  const numbers = typeof hostPort === 'number' ? [hostPort] : hostPort;
  const valid = (port: number, least: number) => Number.isInteger(port) && port >= least && port <= 65535;
  if (!valid(containerPort, 1)) throw invalidParameter({ message: `invalid containerPort: ${containerPort}` });
  for (const port of numbers) {
    if (!valid(port, 0)) throw invalidParameter({ message: `invalid hostPort: ${port}` });
  }
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
