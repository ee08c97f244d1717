import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { RouteSocket, createNetns, inNetns, removeNetns } from '../linux/index.ts';
import { overlap, parsePrefix } from './addresses.ts';
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
import type { OpenNetwork } from './endpoint.ts';
import { adoptAddresses, decideEndpoint, releaseAddresses } from './endpoint.ts';
import { alreadyAttached, networkNotOpen, sandboxNotOpen } from './errors.ts';
import type { Forward } from './firewall.ts';
import { Firewall } from './firewall-tables.ts';
import { blocksInUse } from './host-blocks.ts';
import { AddressAllocator } from './ipam.ts';
import { planNetwork } from './plan.ts';
import type { HeldPorts } from './port-holder.ts';
import { PortHolder, isRelayed } from './port-holder.ts';
import { renderResolvConf } from './resolv-conf.ts';
import type { Publication, Sandbox } from './sandbox.ts';
import { checkPort, closeDns, emptySandbox, openDns } from './sandbox.ts';
import { sweepStrays } from './sweep.ts';
import { configureWire, createWire, rejoinBridge, shutEndpoint, useGateway } from './wire.ts';

/** Opens the networks of one engine. Touches nothing in the kernel until it is asked to. */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  return new KernelNetworks(options);
}

/**
 * Kernel calls are synchronous and run to their end without anything in between, so state here and in the kernel changes
 * together; what takes longer (deleting devices, opening sockets for Node) happens on top of a state that is consistent.
 */
class KernelNetworks implements Networks {
  readonly #options: NetworksOptions;
  readonly #log: Logger;
  readonly #routes = new RouteSocket();
  readonly #firewall: Firewall;
  readonly #forwarder = new Forwarder();
  readonly #ports = new PortHolder();
  readonly #networks = new Map<string, OpenNetwork>();
  readonly #sandboxes = new Map<string, Sandbox>();
  /** What is still being done of what was taken away. */
  readonly #pending = new Set<Promise<void>>();

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#firewall = new Firewall(options.instance, options.log);
  }

  async plan(request: NetworkRequest, others: readonly BridgeNetwork[]): Promise<BridgeNetwork> {
    const taken = blocksInUse(this.#routes, new Set(others.map((n) => n.bridge)), markOf(this.#options.instance));
    return planNetwork(request, others, taken, this.#options);
  }

  conflicts(network: BridgeNetwork): boolean {
    const used = blocksInUse(this.#routes, new Set([network.bridge]), markOf(this.#options.instance));
    return network.subnets.some((s) => used.some((block) => overlap(block, parsePrefix(s.subnet))));
  }

  async openNetwork(network: BridgeNetwork): Promise<void> {
    if (this.#networks.has(network.id)) return;
    await this.#bringUp(network);
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
    await Promise.all(this.#pending);
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
    const ifnames = new Set([...sandbox.endpoints.values()].map((e) => e.ifname));
    const endpoint = decideEndpoint(request, open, ifnames);
    undo.defer(() => releaseAddresses(open, endpoint));
    createWire(this.#routes, sandbox.path, network, open.bridgeIndex, endpoint);
    undo.defer(() => this.#routes.deleteLink(endpoint.hostVeth));
    configureWire(this.#routes, sandbox.path, network, endpoint);
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
    const rest = [...sandbox.endpoints.values()].filter(
      (e) => this.#networks.get(e.request.networkId)?.network.internal === false,
    );
    const next = rest.findLast((e) => e.request.gateway) ?? rest[0];
    if (next !== undefined) this.moveGateway(containerId, next.request.networkId);
  }

  moveGateway(containerId: string, networkId: string): void {
    const sandbox = this.#sandbox(containerId);
    const chosen = sandbox.endpoints.get(networkId);
    if (chosen === undefined) throw networkNotOpen({ networkId });
    useGateway(sandbox.path, chosen);
    for (const [id, endpoint] of sandbox.endpoints) {
      const moved: Endpoint = { ...endpoint, request: { ...endpoint.request, gateway: id === networkId } };
      sandbox.endpoints.set(id, moved);
      this.#networks.get(id)?.endpoints.set(containerId, moved);
    }
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
    const publication = this.#publication(sandbox, networkId, endpoint, held);
    sandbox.publications.add(publication);
    try {
      this.#changeForwards('add', publication.forwards);
    } catch (error) {
      sandbox.publications.delete(publication);
      await held[Symbol.asyncDispose]();
      throw error;
    }
    await this.#firewall.forgetFlows(publication.forwards);
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
      this.#later(() => this.#routes.deleteLink(endpoint.hostVeth));
    }
    await attempt(() => closeDns(sandbox));
    await attempt(() => removeNetns(sandbox.path));
    if (failures.length > 0) throw new AggregateError(failures);
  }

  async recover(networks: readonly BridgeNetwork[], sandboxes: readonly SandboxRecord[]): Promise<void> {
    for (const network of networks) {
      try {
        if (this.#networks.has(network.id)) continue;
        if (this.conflicts(network)) {
          const subnets = network.subnets.map((s) => s.subnet);
          this.#log.warn('the host uses addresses of a network elsewhere too', { network: network.name, subnets });
        }
        await this.#bringUp(network);
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
    // Only now, and in one transaction: what was published before stays so without a gap.
    this.#writeFirewall();
    const open = [...this.#networks.values()];
    await sweepStrays(
      this.#routes,
      path.join(this.#options.execRoot, 'netns'),
      markOf(this.#options.instance),
      {
        netnsFiles: new Set([...this.#sandboxes.values()].map((s) => s.path)),
        veths: new Set(open.flatMap((n) => [...n.endpoints.values()].map((e) => e.hostVeth))),
        bridges: new Set(open.map((n) => n.network.bridge)),
      },
      this.#log,
    );
  }

  warnings(): readonly string[] {
    return this.#firewall.warnings;
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
    await Promise.all(this.#pending);
    if (idle) {
      await Promise.all([...this.#networks.values()].map(({ network }) => this.#deleteBridge(network)));
      this.#firewall.write([], []);
    }
    this.#networks.clear();
    this.#firewall[Symbol.dispose]();
    this.#routes[Symbol.dispose]();
  }

  async #bringUp(network: BridgeNetwork): Promise<void> {
    const bridgeIndex = await ensureBridge(this.#routes, network, this.#options.instance);
    const allocators = network.subnets.map((s) => new AddressAllocator(network.name, s));
    this.#networks.set(network.id, { network, bridgeIndex, allocators, endpoints: new Map() });
    this.#firewall.watch(() => this.#restoreFirewall());
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
      rejoinBridge(this.#routes, open.network, open.bridgeIndex, endpoint.hostVeth);
      sandbox.endpoints.set(networkId, endpoint);
      open.endpoints.set(request.containerId, endpoint);
      adoptAddresses(open, endpoint);
    }
    const onIt = [...sandbox.endpoints.values()];
    if (onIt.some((e) => this.#networks.get(e.request.networkId)?.network.isDefault === false)) {
      await this.#openDns(sandbox);
    }
    const published = onIt.findLast((e) => e.request.gateway) ?? onIt[0];
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

  #openDns(sandbox: Sandbox): Promise<void> {
    const networks = () => [...sandbox.endpoints.keys()].flatMap((id) => this.#networks.get(id) ?? []);
    return openDns(sandbox, networks, this.#forwarder);
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
          this.#changeForwards('delete', forwards);
          this.#later(() => this.#firewall.forgetFlows(forwards));
        } finally {
          await held[Symbol.asyncDispose]();
        }
      },
    };
    return publication;
  }

  #changeForwards(verb: 'add' | 'delete', forwards: readonly Forward[]): void {
    if (!this.#firewall.change(verb, forwards)) this.#writeFirewall();
  }

  #writeFirewall(): void {
    const forwards = [...this.#sandboxes.values()].flatMap((s) => [...s.publications].flatMap((p) => p.forwards));
    this.#firewall.write(
      [...this.#networks.values()].map((n) => n.network),
      forwards,
    );
  }

  #restoreFirewall(): void {
    try {
      this.#writeFirewall();
    } catch (error) {
      this.#log.error('the firewall tables could not be written', { error: messageOf(error) });
    }
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
    if (endpoint !== undefined && open !== undefined) releaseAddresses(open, endpoint);
  }

  /** For what the kernel takes its time to do, and nobody needs to wait for but who takes away the rest. */
  #later(work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => this.#log.warn('clean-up failed', { error: messageOf(error) }))
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
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
