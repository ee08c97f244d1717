import { invalidParameter, messageOf } from '../../core/errors.ts';
import { newId, shortId } from '../../core/ids.ts';
import type { EndpointSettings, NetworkCreateRequest, NetworkResource } from '../../core/wire/network.ts';
import type { Filters, NetworkService } from '../contract.ts';
import { checkSettings, requestedSettings } from '../containers/attachments.ts';
import type { Context } from '../containers/context.ts';
import {
  disconnected,
  endpointRequest,
  gatewayOf,
  joinedNetworks,
  publishNetworkEvents,
  publishPorts,
} from '../containers/endpoints.ts';
import { changeHosts, ownLines } from '../containers/etc.ts';
import type { Attachment, ContainerRecord } from '../containers/record.ts';
import { isOwnNetworkMode } from '../containers/record.ts';
import { isLive } from '../containers/state.ts';
import { millisOf, nowRfc3339 } from '../containers/time.ts';
import { networkForbidden, networkNotFound, networkUnsupported, pluginNotFound, requestFailed } from '../errors.ts';
import { booleanFilter, checkFilters, hasLabels, lacksLabels, matchesExactly, matchesPattern } from '../filters.ts';
import { parseUntil } from '../until.ts';
import type { NetworkRecord } from './book.ts';
import { ipamConfigOf, isPredefined } from './book.ts';
import { checkName, configurationNetwork, withConfiguration } from './configuration.ts';

/** Networks as the Engine API has them. */
export function createNetworkService(ctx: Context): NetworkService {
  const { networks } = ctx.options;
  /** One change at a time: plans look at all that exist. */
  const ALL = 'networks';

  function publish(network: NetworkRecord, action: string): void {
    ctx.events.publish({
      type: 'network',
      action,
      id: network.id,
      attributes: { name: network.name, type: network.driver },
    });
  }

  async function removeRecord(network: NetworkRecord): Promise<void> {
    await networks.removeNetwork(network.id);
    ctx.book.delete(network.id);
    publish(network, 'destroy');
    await ctx.options.storage.db.synced();
  }

  return {
    create: (request) =>
      ctx.lock.run(ALL, async () => {
        const network =
          request.ConfigOnly === true
            ? configurationNetwork(ctx.book, request)
            : await planned(ctx, withConfiguration(ctx.book, request));
        if (network.bridge !== null) {
          try {
            await networks.openNetwork(network.bridge);
          } catch (error) {
            await networks.removeNetwork(network.id).catch(() => undefined);
            throw error;
          }
        }
        ctx.book.put(network);
        publish(network, 'create');
        await ctx.options.storage.db.synced();
        return { Id: network.id, Warning: '' };
      }),

    async list(filters) {
      checkFilters(filters, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
      return ctx.book
        .all()
        .filter((n) => matches(ctx, n, filters))
        .map((n) => resource(n, {}));
    },

    async inspect(ref) {
      const network = ctx.book.lookup(ref);
      return resource(network, containersOn(ctx, network));
    },

    remove: (ref) =>
      ctx.lock.run(ALL, async () => {
        const network = ctx.book.lookup(ref);
        if (isPredefined(network.name)) {
          throw networkForbidden({ message: `${network.name} is a pre-defined network and cannot be removed` });
        }
        if (ctx.book.all().some((other) => other.configFrom === network.name)) {
          throw networkForbidden({ message: `configuration network "${network.name}" is in use` });
        }
        const active = endpointsOn(ctx, network);
        if (active.length > 0) {
          const names = active.map(
            ({ record, attachment }) =>
              `name:"${record.name}" id:"${shortId(attachment.endpoint?.request.endpointId ?? '')}"`,
          );
          throw networkForbidden({
            message: `error while removing network: network ${network.name} has active endpoints (${names.join(', ')})`,
          });
        }
        await removeRecord(network);
      }),

    async connect(ref, containerRef, endpoint) {
      const { id } = ctx.store.lookup(containerRef);
      const network = ctx.book.lookup(ref);
      await ctx.lock.run(id, () => connect(ctx, network, id, endpoint));
    },

    async disconnect(ref, containerRef, force) {
      const network = ctx.book.lookup(ref);
      let id: string;
      try {
        ({ id } = ctx.store.lookup(containerRef));
      } catch (error) {
        if (force) return;
        throw error;
      }
      await ctx.lock.run(id, () => disconnect(ctx, network, id));
    },

    prune: (filters) =>
      ctx.lock.run(ALL, async () => {
        checkFilters(filters, ['until', 'label', 'label!']);
        const until = parseUntil(filters);
        const deleted: string[] = [];
        for (const network of ctx.book.all()) {
          if (isPredefined(network.name) || endpointsOn(ctx, network).length > 0) continue;
          if (network.configOnly === true) continue;
          if (until !== undefined && millisOf(network.created) >= until) continue;
          if (!hasLabels(network.labels, filters['label']) || !lacksLabels(network.labels, filters['label!'])) continue;
          try {
            await removeRecord(network);
            deleted.push(network.name);
          } catch (error) {
            ctx.log.warn('a network could not be pruned', { network: network.name, error: messageOf(error) });
          }
        }
        ctx.events.publish({ type: 'network', action: 'prune', id: '', attributes: { reclaimed: '0' } });
        return { NetworksDeleted: deleted.length > 0 ? deleted : null };
      }),
  };
}

const DRIVERS = ['bridge', 'macvlan', 'ipvlan'] as const;

function isDriver(name: string): name is (typeof DRIVERS)[number] {
  return (DRIVERS as readonly string[]).includes(name);
}

/** @throws {WharfError} at what a network of this engine cannot be */
function checkKinds(request: NetworkCreateRequest): void {
  if (request.Ingress === true || request.Scope === 'swarm' || request.Scope === 'global') {
    throw networkUnsupported({ what: 'a network of a swarm' });
  }
  const ipam = request.IPAM?.Driver || 'default';
  if (ipam !== 'default') throw invalidParameter({ message: `invalid ipam driver: "${ipam}" not found` });
}

/** Checks a request and decides everything of the network, touching nothing. */
async function planned(ctx: Context, request: NetworkCreateRequest): Promise<NetworkRecord> {
  const name = checkName(ctx.book, request);
  const driver = request.Driver || 'bridge';
  if (driver === 'host' || driver === 'null') {
    throw networkForbidden({ message: `only one instance of "${driver}" network is allowed` });
  }
  if (driver === 'overlay') throw networkUnsupported({ what: 'the network driver "overlay", which is one of swarms,' });
  if (!isDriver(driver)) throw pluginNotFound({ name: driver });
  checkKinds(request);
  const pools = request.IPAM?.Config ?? [];
  const id = newId();
  const options = { ...ctx.options.networkOptions?.[driver], ...request.Options };
  const bridge = await ctx.options.networks.plan(
    {
      id,
      name,
      driver,
      enableIpv4: request.EnableIPv4 ?? true,
      isDefault: false,
      subnets: pools.map((p) => ({
        subnet: p.Subnet || undefined,
        gateway: p.Gateway || undefined,
        ipRange: p.IPRange || undefined,
        aux: p.AuxiliaryAddresses,
      })),
      internal: request.Internal ?? false,
      enableIpv6: request.EnableIPv6 ?? false,
      options,
    },
    ctx.book.bridges(),
  );
  return {
    id,
    name,
    created: nowRfc3339(),
    driver,
    internal: request.Internal ?? false,
    attachable: request.Attachable ?? false,
    ingress: false,
    enableIpv4: request.EnableIPv4 ?? true,
    enableIpv6: request.EnableIPv6 ?? false,
    ipam: {
      driver: request.IPAM?.Driver || 'default',
      options: request.IPAM?.Options ?? null,
      config: ipamConfigOf(bridge),
    },
    hasOwnSubnet: pools.some((p) => p.Subnet),
    options,
    labels: request.Labels ?? {},
    bridge,
    ...(request.ConfigFrom?.Network ? { configFrom: request.ConfigFrom.Network } : {}),
  };
}

interface LiveEndpoint {
  readonly record: ContainerRecord;
  readonly attachment: Attachment;
}

/** Endpoints of running containers. */
function endpointsOn(ctx: Context, network: NetworkRecord): LiveEndpoint[] {
  return ctx.store
    .all()
    .filter((record) => isLive(record.state))
    .flatMap((record) => {
      const attachment = record.attachments.find((a) => a.networkId === network.id);
      return attachment === undefined ? [] : [{ record, attachment }];
    });
}

function containersOn(ctx: Context, network: NetworkRecord): NetworkResource['Containers'] {
  return Object.fromEntries(
    endpointsOn(ctx, network).map(({ record, attachment: { endpoint } }) => [
      record.id,
      {
        Name: record.name,
        EndpointID: endpoint?.request.endpointId ?? '',
        MacAddress: endpoint?.mac ?? '',
        IPv4Address: !endpoint?.ipv4 ? '' : `${endpoint.ipv4}/${endpoint.prefixLength}`,
        IPv6Address: endpoint?.ipv6 ? `${endpoint.ipv6}/${endpoint.ipv6PrefixLength ?? 64}` : '',
      },
    ]),
  );
}

function resource(network: NetworkRecord, containers: NetworkResource['Containers']): NetworkResource {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: network.ipam.driver,
      Options: network.ipam.options === null ? null : { ...network.ipam.options },
      Config: [...network.ipam.config],
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom ?? '' },
    ConfigOnly: network.configOnly ?? false,
    Containers: containers,
    Options: { ...network.options },
    Labels: { ...network.labels },
  };
}

function matches(ctx: Context, network: NetworkRecord, filters: Filters): boolean {
  const { id, type } = filters;
  if (!matchesPattern(filters['name'], network.name)) return false;
  if (id?.length && !id.some((prefix) => network.id.startsWith(prefix))) return false;
  for (const value of type ?? []) {
    if (value !== 'builtin' && value !== 'custom')
      throw invalidParameter({ message: `invalid filter: 'type'='${value}'` });
  }
  if (type?.length && !type.some((t) => (t === 'builtin') === isPredefined(network.name))) return false;
  if (!matchesExactly(filters['driver'], network.driver) || !matchesExactly(filters['scope'], 'local')) return false;
  if (!hasLabels(network.labels, filters['label'])) return false;
  if (filters['dangling'] === undefined) return true;
  const isDangling = !isPredefined(network.name) && endpointsOn(ctx, network).length === 0;
  return booleanFilter(filters, 'dangling', false) === isDangling;
}

async function connect(ctx: Context, network: NetworkRecord, id: string, given: EndpointSettings): Promise<void> {
  const record = ctx.store.get(id);
  const refuse = (message: string) => invalidParameter({ message });
  const mode = record.hostConfig.NetworkMode ?? 'bridge';
  if (!isOwnNetworkMode(mode) && mode !== 'none') {
    throw refuse(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  if (network.driver === 'host') {
    throw refuse('cannot connect container to host network - container must be created in host network mode');
  }
  const others = record.attachments.filter((a) => a.network !== network.name);
  if (network.driver === 'null' ? others.length > 0 : record.attachments.some((a) => a.network === 'none')) {
    throw refuse('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  const isLiveNow = isLive(record.state);
  if (isLiveNow && record.attachments.some((a) => a.networkId === network.id)) {
    throw networkForbidden({ message: `endpoint with name ${record.name} already exists in network ${network.name}` });
  }
  const settings = requestedSettings(given);
  checkSettings(network, settings);
  const added: Attachment = { network: network.name, networkId: network.id, settings, endpoint: null };
  const attachments = [...record.attachments.filter((a) => a.networkId !== network.id), added];
  if (!isLiveNow || network.bridge === null) {
    ctx.store.change(id, { attachments });
    return;
  }
  const wanted = { ...record, attachments };
  const joined = joinedNetworks(ctx, wanted);
  const gateway = gatewayOf(joined);
  const mine = joined.find((j) => j.network.id === network.id);
  if (mine === undefined) throw networkNotFound({ ref: network.name });
  const endpoint = await ctx.options.networks.attach(endpointRequest(ctx, wanted, mine, gateway === mine));
  const now = attachments.map((a) => (a === added ? { ...a, endpoint } : a));
  const changed = ctx.store.change(id, { attachments: now });
  changeHosts(ctx, changed, { added: ownLines(changed, { ...added, endpoint }) });
  publishNetworkEvents(ctx, changed, [{ ...added, endpoint }], 'connect');
  try {
    await republish(ctx, record, changed);
  } catch (error) {
    // A port that is published by way of this network is taken: the container stays where it was.
    await disconnect(ctx, network, id);
    throw error;
  }
}

async function disconnect(ctx: Context, network: NetworkRecord, id: string): Promise<void> {
  const record = ctx.store.get(id);
  const live = isLive(record.state);
  if (live && network.driver === 'host') {
    throw invalidParameter({
      message: 'cannot disconnect container from host network - container was created in host network mode',
    });
  }
  const gone = record.attachments.find((a) => a.networkId === network.id || a.network === network.name);
  if (gone === undefined) {
    throw requestFailed({ message: `container ${id} is not connected to network ${network.name}` });
  }
  const attachments = record.attachments.filter((a) => a !== gone);
  if (live && gone.endpoint !== null) await ctx.options.networks.detach(id, network.id);
  const changed = ctx.store.change(id, { attachments });
  if (!live) return;
  changeHosts(ctx, changed, { gone: ownLines(changed, gone) });
  publishNetworkEvents(ctx, changed, disconnected([gone]), 'disconnect');
  await republish(ctx, record, changed);
}

/** Published ports belong to the network with the default route: they move when that changes. */
async function republish(ctx: Context, before: ContainerRecord, after: ContainerRecord): Promise<void> {
  const old = gatewayOf(joinedNetworks(ctx, before));
  const joined = joinedNetworks(ctx, after);
  const gateway = gatewayOf(joined);
  if (old?.network.id === gateway?.network.id) return;
  if (gateway !== undefined) ctx.options.networks.moveGateway(after.id, gateway.network.id);
  await ctx.options.networks.unpublish(after.id);
  // What is published goes where the default route goes, also when the next daemon takes this container up.
  const attachments = after.attachments.map((a) =>
    a.endpoint === null
      ? a
      : {
          ...a,
          endpoint: {
            ...a.endpoint,
            request: { ...a.endpoint.request, gateway: a.networkId === gateway?.network.id },
          },
        },
  );
  const ports = await publishPorts(ctx, after, gateway, attachments);
  ctx.store.change(after.id, { attachments, ports });
}
