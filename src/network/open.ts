import { closeSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import {
  RouteSocket,
  type UserNamespaceChoice,
  createNetns,
  createOwnedNetns,
  inNetns,
  ownerOfNetns,
  removeNetns,
  removeNetnsAsync,
} from '../linux/index.ts';
import { overlap, parsePrefix } from './addresses.ts';
import { markOf } from './bridge.ts';
import type {
  AllowedWay,
  BridgeNetwork,
  Endpoint,
  EndpointRequest,
  NetworkRequest,
  Networks,
  NetworksOptions,
  OwnedSandbox,
  PortRequest,
  PublishedPort,
  SandboxRecord,
  SandboxRequest,
} from './contract.ts';
import { decideEndpoint, releaseAddresses } from './endpoint.ts';
import { alreadyAttached, networkNotOpen, sandboxNotOpen } from './errors.ts';
import type { Forward } from './firewall.ts';
import { tableName } from './firewall.ts';
import { Firewall } from './firewall-tables.ts';
import { blocksInUse } from './host-blocks.ts';
import type { Keeper } from './keeper/contract.ts';
import { openKeeper } from './keeper/open.ts';
import { planNetwork } from './plan.ts';
import { Publications, socketsOf } from './publications.ts';
import { adoptSandbox } from './recover.ts';
import { renderResolvConf } from './resolv-conf.ts';
import type { Sandbox } from './sandbox.ts';
import { emptySandbox, neighbourWays, redirectDns, resolverState } from './sandbox.ts';
import { Segments } from './segments.ts';
import { sweepStrays } from './sweep.ts';
import { bridgedPacketsPassFirewall, connectWire, cutWire, removeWire, useGateways } from './wire.ts';

/** Opens the networks of one engine. Touches nothing in the kernel until it is asked to. */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  const keeper = await openKeeper(options);
  await keeper.guard(tableName(options.instance));
  return new KernelNetworks(options, keeper);
}

/**
 * Kernel calls are synchronous and run to their end without anything in between, so state here and in the kernel changes
 * together; what takes longer (deleting devices, what the keeper does) happens on top of a state that is consistent.
 */
class KernelNetworks implements Networks {
  readonly #options: NetworksOptions;
  readonly #log: Logger;
  readonly #routes = new RouteSocket();
  readonly #firewall: Firewall;
  readonly #keeper: Keeper;
  readonly #publications: Publications;
  readonly #segments: Segments;
  readonly #sandboxes = new Map<string, Sandbox>();
  /** What is still being done of what was taken away. */
  readonly #pending = new Set<Promise<void>>();
  /** Namespaces that are on their way out, by container. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(options: NetworksOptions, keeper: Keeper) {
    const { instance, log } = options;
    this.#options = options;
    this.#log = log;
    this.#keeper = keeper;
    keeper.onLost = () => this.#later(() => this.#giveAnew());
    this.#firewall = new Firewall(instance, log);
    this.#segments = new Segments(this.#routes, instance, log);
    this.#publications = new Publications({
      keeper,
      log,
      change: (verb, forwards) => this.#changeForwards(verb, forwards),
      forget: (forwards) => this.#later(() => this.#firewall.forgetFlows(forwards)),
    });
  }

  async plan(request: NetworkRequest, others: readonly BridgeNetwork[]): Promise<BridgeNetwork> {
    return planNetwork(request, others, this.#blocksInUse(others), this.#options);
  }

  conflicts(network: BridgeNetwork): boolean {
    // Others on the wire have addresses of its block: that is what it is for.
    if (network.direct !== undefined) return false;
    const used = this.#blocksInUse([network]);
    return network.subnets.some((s) => used.some((block) => overlap(block, parsePrefix(s.subnet))));
  }

  async openNetwork(network: BridgeNetwork): Promise<void> {
    if (this.#segments.find(network.id) !== undefined) return;
    await this.#bringUp(network);
    try {
      this.#writeFirewall();
    } catch (error) {
      this.#segments.forget(network.id);
      await this.#segments.deleteDevice(network);
      throw error;
    }
  }

  async removeNetwork(networkId: string): Promise<void> {
    const open = this.#segments.find(networkId);
    if (open === undefined) return;
    for (const containerId of open.endpoints.keys()) await this.detach(containerId, networkId);
    this.#segments.forget(networkId);
    this.#writeFirewall();
    await Promise.all(this.#pending);
    await this.#segments.deleteDevice(open.network);
  }

  async openSandbox(request: SandboxRequest): Promise<{ readonly path: string }> {
    const open = this.#sandboxes.get(request.containerId);
    if (open !== undefined) return { path: open.path };
    return { path: await this.#makeSandbox(request, undefined) };
  }

  async openOwnedSandbox(request: SandboxRequest, owner: UserNamespaceChoice): Promise<OwnedSandbox> {
    const path = this.#sandboxes.get(request.containerId)?.path ?? (await this.#makeSandbox(request, owner));
    const fd = ownerOfNetns(path);
    return {
      path,
      userNamespace: { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) },
    };
  }

  async #makeSandbox(request: SandboxRequest, owner: UserNamespaceChoice | undefined): Promise<string> {
    const { containerId } = request;
    await this.#leaving.get(containerId)?.catch(() => undefined);
    const file = this.#netnsPath(containerId);
    // One left by a run that went wrong has nobody in it who is ours.
    removeNetns(file);
    const loopbackUp = (): void => {
      using inside = new RouteSocket();
      inside.setUp(inside.getLink('lo').index);
    };
    if (owner === undefined) createNetns(file, loopbackUp);
    else await createOwnedNetns(file, owner, loopbackUp);
    this.#sandboxes.set(containerId, emptySandbox(request, file));
    return file;
  }

  sandboxPath(containerId: string): string | undefined {
    return this.#sandboxes.get(containerId)?.path;
  }

  async attach(request: EndpointRequest): Promise<Endpoint> {
    const { containerId, networkId } = request;
    const sandbox = this.#sandbox(containerId);
    const open = this.#segments.get(networkId);
    const { network } = open;
    if (sandbox.endpoints.has(networkId)) throw alreadyAttached({ network: network.name });

    await using undo = new AsyncDisposableStack();
    const ifnames = new Set([...sandbox.endpoints.values()].map((e) => e.ifname));
    const endpoint = decideEndpoint(request, open, ifnames);
    undo.defer(() => releaseAddresses(open, endpoint));
    undo.use(await connectWire(this.#routes, sandbox.path, open, endpoint));
    sandbox.endpoints.set(networkId, endpoint);
    open.endpoints.set(containerId, endpoint);
    undo.defer(() => {
      sandbox.endpoints.delete(networkId);
      open.endpoints.delete(containerId);
    });
    // One network may lead to the world of IPv4, another one to that of IPv6.
    if (sandbox.endpoints.size > 1) useGateways(sandbox.path, this.#waysOut(sandbox));
    if (!network.isDefault) await this.#tellResolver(sandbox);
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
    await this.#tellResolver(sandbox);
    await removeWire(this.#routes, sandbox.path, endpoint);
    const [next] = this.#waysOut(sandbox);
    if (next !== undefined) this.moveGateway(containerId, next.request.networkId);
  }

  moveGateway(containerId: string, networkId: string): void {
    const sandbox = this.#sandbox(containerId);
    const chosen = sandbox.endpoints.get(networkId);
    if (chosen === undefined) throw networkNotOpen({ networkId });
    useGateways(sandbox.path, [chosen, ...this.#waysOut(sandbox)]);
    for (const [id, endpoint] of sandbox.endpoints) {
      this.#change(sandbox, id, { ...endpoint, request: { ...endpoint.request, gateway: id === networkId } });
    }
  }

  async rename(containerId: string, networkId: string, names: readonly string[]): Promise<void> {
    const sandbox = this.#sandboxes.get(containerId);
    const endpoint = sandbox?.endpoints.get(networkId);
    if (sandbox === undefined || endpoint === undefined) return;
    this.#change(sandbox, networkId, { ...endpoint, request: { ...endpoint.request, names } });
    await this.#tellResolver(sandbox);
  }

  async publish(
    containerId: string,
    networkId: string,
    ports: readonly PortRequest[],
  ): Promise<readonly PublishedPort[]> {
    const sandbox = this.#sandbox(containerId);
    const { network } = this.#segments.get(networkId);
    const endpoint = sandbox.endpoints.get(networkId);
    if (endpoint === undefined) throw networkNotOpen({ networkId });
    // Nobody outside can reach a container of an internal network, and everybody one that is on the wire itself.
    if (network.internal || network.direct !== undefined || ports.length === 0) return [];
    const publication = await this.#publications.publish(sandbox, network, endpoint, ports);
    await this.#firewall.forgetFlows(publication.forwards);
    return publication.ports;
  }

  async unpublish(containerId: string): Promise<void> {
    for (const publication of this.#sandboxes.get(containerId)?.publications ?? []) {
      await publication[Symbol.asyncDispose]();
    }
  }

  allow(containerId: string, networkId: string, ways: readonly AllowedWay[]): void {
    const { ways: before } = this.#sandbox(containerId);
    if (ways.length === 0 && !before.has(networkId)) return;
    if (ways.length === 0) before.delete(networkId);
    else before.set(networkId, ways);
    if (this.#segments.get(networkId).network.icc) return;
    if (ways.length > 0 && !bridgedPacketsPassFirewall()) {
      this.#log.warn('links cannot open ports on a network without icc while br_netfilter is not at work', {
        mend: 'modprobe br_netfilter, sysctl net.bridge.bridge-nf-call-iptables=1, and restart the containers',
      });
    }
    this.#writeFirewall();
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
      await attempt(async () => {
        const rest = await cutWire(this.#routes, sandbox.path, endpoint);
        if (rest !== undefined) this.#later(rest);
      });
      this.#forget(sandbox, networkId);
    }
    await attempt(async () => (sandbox.hasResolver ? this.#keeper.dropResolver(containerId) : undefined));
    const gone = removeNetnsAsync(sandbox.path).finally(() => this.#leaving.delete(containerId));
    this.#leaving.set(containerId, gone);
    this.#later(() => gone);
    if (sandbox.ways.size > 0) await attempt(() => this.#writeFirewall());
    if (failures.length > 0) throw new AggregateError(failures);
  }

  async recover(networks: readonly BridgeNetwork[], sandboxes: readonly SandboxRecord[]): Promise<void> {
    for (const network of networks) {
      try {
        if (this.#segments.find(network.id) !== undefined) continue;
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
      const sandbox = emptySandbox(record.request, this.#netnsPath(containerId));
      try {
        const parts = { routes: this.#routes, segments: this.#segments, log: this.#log };
        // Fails unless a namespace is mounted there: an empty file is none.
        inNetns(sandbox.path, () => undefined);
        this.#sandboxes.set(containerId, sandbox);
        await adoptSandbox(parts, this.#publications, sandbox, record);
        await this.#tellResolver(sandbox);
      } catch (error) {
        this.#log.warn('network namespace not recovered', { containerId, error: messageOf(error) });
      }
    }
    const resolved = [...this.#sandboxes.values()].filter((s) => s.hasResolver).map((s) => s.request.containerId);
    await this.#keeper.keepOnly(resolved, socketsOf(this.#sandboxes.values()));
    // Only now, and in one transaction: what was published before stays so without a gap.
    this.#writeFirewall();
    const open = this.#segments.all;
    await sweepStrays(
      this.#routes,
      path.join(this.#options.execRoot, 'netns'),
      this.#options.instance,
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

  /** Where no container is left, bridges and firewall tables go too: the next start makes them anew. */
  async [Symbol.asyncDispose](): Promise<void> {
    const idle = this.#sandboxes.size === 0;
    await Promise.all(this.#pending);
    await this.#keeper[Symbol.asyncDispose]();
    this.#sandboxes.clear();
    if (idle) {
      const networks = this.#segments.all.map((n) => n.network);
      this.#segments.clear();
      await Promise.all(networks.map((network) => this.#segments.deleteDevice(network)));
      this.#firewall.write([], []);
    }
    this.#segments.clear();
    this.#segments[Symbol.dispose]();
    this.#firewall[Symbol.dispose]();
    this.#routes[Symbol.dispose]();
  }

  /** Endpoints that lead to the world; the one that was chosen for that first. */
  #waysOut(sandbox: Sandbox): Endpoint[] {
    const open = [...sandbox.endpoints.values()].filter(
      (e) => this.#segments.find(e.request.networkId)?.network.internal === false,
    );
    const chosen = open.findLast((e) => e.request.gateway);
    return chosen === undefined ? open : [chosen, ...open.filter((e) => e !== chosen)];
  }

  async #bringUp(network: BridgeNetwork): Promise<void> {
    const { withoutFirewall } = this.#options;
    await this.#segments.bringUp({ ...network, ...(withoutFirewall?.length && { withoutFirewall }) });
    this.#firewall.watch(() => this.#restoreFirewall());
  }

  /** What a container's resolver knows is as its endpoints are now; one is opened with the first that has need of it. */
  async #tellResolver(sandbox: Sandbox): Promise<void> {
    const state = resolverState(sandbox, (id) => this.#segments.find(id)?.network);
    if (state === undefined) return;
    const { isNew, ...ports } = await this.#keeper.putResolver(state);
    if (isNew) redirectDns(sandbox.path, ports);
    sandbox.hasResolver = true;
  }

  /** The keeper died, and another one knows nothing yet. */
  async #giveAnew(): Promise<void> {
    for (const sandbox of this.#sandboxes.values()) {
      const { containerId } = sandbox.request;
      try {
        if (sandbox.hasResolver) await this.#tellResolver(sandbox);
        await this.#publications.renew(sandbox);
      } catch (error) {
        this.#log.warn('name resolution or ports of a container are lost', { containerId, error: messageOf(error) });
      }
    }
  }

  #changeForwards(verb: 'add' | 'delete', forwards: readonly Forward[]): void {
    if (!this.#firewall.change(verb, forwards)) this.#writeFirewall();
  }

  #writeFirewall(): void {
    const forwards = [...this.#sandboxes.values()].flatMap((s) => [...s.publications].flatMap((p) => p.forwards));
    const ways = [...this.#sandboxes.values()].flatMap((s) => neighbourWays(s));
    this.#firewall.write(this.#segments.bridged, forwards, ways);
  }

  #restoreFirewall(): void {
    try {
      this.#writeFirewall();
    } catch (error) {
      this.#log.error('the firewall tables could not be written', { error: messageOf(error) });
    }
  }

  #blocksInUse(own: readonly BridgeNetwork[]) {
    const bridges = own.filter((n) => n.direct === undefined).map((n) => n.bridge);
    return blocksInUse(this.#routes, new Set(bridges), markOf(this.#options.instance));
  }

  #change(sandbox: Sandbox, networkId: string, endpoint: Endpoint): void {
    sandbox.endpoints.set(networkId, endpoint);
    this.#segments.find(networkId)?.endpoints.set(sandbox.request.containerId, endpoint);
  }

  /** Takes an endpoint off the books; its addresses are free. */
  #forget(sandbox: Sandbox, networkId: string): void {
    const endpoint = sandbox.endpoints.get(networkId);
    const open = this.#segments.find(networkId);
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

  #netnsPath(containerId: string): string {
    return path.join(this.#options.execRoot, 'netns', containerId);
  }
}
