import { shortId } from '../../core/ids.ts';
import { messageOf, WharfError } from '../../core/errors.ts';
import type { EndpointRequest, PublishedPort, SandboxRequest } from '../../network/index.ts';
import { StartError } from '../errors.ts';
import type { NetworkRecord } from '../networks/book.ts';
import { newEndpointId } from '../networks/book.ts';
import type { Context } from './context.ts';
import type { LinkedContainer } from './links.ts';
import { parseLink } from './links.ts';
import { portRequests } from './ports.ts';
import type { Attachment, ContainerRecord } from './record.ts';
import { isLive } from './state.ts';

/** An attachment with its network looked up. */
export interface Joined {
  readonly attachment: Attachment;
  readonly network: NetworkRecord;
}

/**
 * The networks of a container in the order of its interfaces: by gateway priority, then by name.
 * @throws {StartError} 404 if one is not there
 */
export function joinedNetworks(ctx: Context, record: ContainerRecord): Joined[] {
  return record.attachments
    .map((attachment) => {
      try {
        // By ID while that exists, so that a container follows its network's identity; else by name, as a network that was
        // removed and made again has another ID.
        const known = ctx.book.all().find((n) => n.id === attachment.networkId);
        return { attachment, network: known ?? ctx.book.lookup(attachment.network) };
      } catch (cause) {
        throw new StartError('notFound', `failed to set up container networking: ${messageOf(cause)}`, 128, {
          cause,
          isRetried: false,
        });
      }
    })
    .sort(
      (a, b) =>
        (b.attachment.settings.GwPriority ?? 0) - (a.attachment.settings.GwPriority ?? 0) ||
        (a.network.name < b.network.name ? -1 : 1),
    );
}

/** The network that gives the default route and carries published ports. */
export function gatewayOf(joined: readonly Joined[]): Joined | undefined {
  return joined.find((j) => j.network.bridge !== null && !j.network.internal);
}

/** What a container's network namespace is asked for. */
export function sandboxRequest({ id, hostConfig }: ContainerRecord): SandboxRequest {
  const ndots = (hostConfig.DnsOptions ?? []).findLast((option) => option.startsWith('ndots:'));
  return {
    containerId: id,
    dns: hostConfig.Dns ?? [],
    keepsSingleLabels: ndots !== undefined && Number(ndots.slice('ndots:'.length)) > 0,
  };
}

/** What the kernel is asked for. */
export function endpointRequest(
  ctx: Context,
  record: ContainerRecord,
  { attachment, network }: Joined,
  gateway: boolean,
): EndpointRequest {
  const { settings } = attachment;
  return {
    containerId: record.id,
    endpointId: newEndpointId(),
    networkId: network.id,
    ipv4: settings.IPAMConfig?.IPv4Address || undefined,
    ipv6: settings.IPAMConfig?.IPv6Address || undefined,
    mac: settings.MacAddress || record.config.MacAddress || undefined,
    names: dnsNames(record, attachment),
    links: userLinks(ctx, record, attachment, network),
    gateway,
    options: settings.DriverOpts ?? undefined,
  };
}

/** Every name of a container on a network, most specific first. */
export function dnsNames(record: ContainerRecord, attachment: Attachment): string[] {
  const hostname = record.config.Hostname ?? '';
  return [
    ...new Set([
      record.name,
      ...(attachment.settings.Aliases ?? []),
      shortId(record.id),
      ...(hostname === '' ? [] : [hostname]),
    ]),
  ];
}

/** On a user's network a link is a name that only this container sees; its target may be absent. */
function userLinks(
  ctx: Context,
  record: ContainerRecord,
  attachment: Attachment,
  network: NetworkRecord,
): Record<string, string> {
  if (network.name === 'bridge') return {};
  const texts = [...(attachment.settings.Links ?? [])];
  if (record.hostConfig.NetworkMode === attachment.network) texts.push(...(record.hostConfig.Links ?? []));
  const links: Record<string, string> = {};
  for (const text of texts) {
    const link = parseLink(text);
    try {
      links[link.alias] = ctx.store.lookup(link.target).id;
    } catch {
      continue;
    }
  }
  return links;
}

/** Targets of legacy links. @throws {StartError} if one does not run */
export function linkedContainers(ctx: Context, record: ContainerRecord): LinkedContainer[] {
  if (record.hostConfig.NetworkMode !== 'bridge') return [];
  return (record.hostConfig.Links ?? []).map((text) => {
    const { target, alias } = parseLink(text);
    let other: ContainerRecord;
    try {
      other = ctx.store.lookup(target);
    } catch (cause) {
      throw new StartError('internal', `could not get container for ${target}: ${messageOf(cause)}`, 128, { cause });
    }
    const address = other.attachments.find((a) => a.network === 'bridge')?.endpoint?.ipv4;
    if (!isLive(other.state) || address === undefined) {
      throw new StartError(
        'internal',
        `Cannot link to a non running container: /${other.name} AS /${record.name}/${alias}`,
        128,
      );
    }
    return { alias, record: other, address };
  });
}

/** What a container got in the kernel. */
export interface Connected {
  readonly attachments: readonly Attachment[];
  readonly ports: readonly PublishedPort[];
}

/**
 * Attaches a container, whose namespace is open, to its networks and publishes its ports. On failure the caller closes the
 * sandbox, which takes everything away.
 * @throws {StartError}
 */
export async function connectAll(ctx: Context, record: ContainerRecord, joined: readonly Joined[]): Promise<Connected> {
  const gateway = gatewayOf(joined);
  const attachments: Attachment[] = [];
  for (const join of joined) {
    const base = { ...join.attachment, network: join.network.name, networkId: join.network.id };
    if (join.network.bridge === null) {
      attachments.push({ ...base, endpoint: null });
      continue;
    }
    try {
      const endpoint = await ctx.options.networks.attach(endpointRequest(ctx, record, join, join === gateway));
      attachments.push({ ...base, endpoint });
    } catch (cause) {
      throw networkingFailed(cause, '');
    }
  }
  const ports = await publishPorts(ctx, record, gateway, attachments);
  return { attachments, ports };
}

/** Publishes a container's ports by way of the network that holds its default route. @throws {StartError} */
export async function publishPorts(
  ctx: Context,
  record: ContainerRecord,
  gateway: Joined | undefined,
  attachments: readonly Attachment[],
): Promise<readonly PublishedPort[]> {
  if (gateway === undefined) return [];
  const requests = portRequests(record.config, record.hostConfig);
  if (requests.length === 0) return [];
  try {
    return await ctx.options.networks.publish(record.id, gateway.network.id, requests);
  } catch (cause) {
    const endpoint = attachments.find((a) => a.networkId === gateway.network.id)?.endpoint;
    throw networkingFailed(
      cause,
      `driver failed programming external connectivity on endpoint ${record.name} (${endpoint?.request.endpointId ?? ''}): `,
      holderAmongContainers(ctx, record, cause),
    );
  }
}

/** Which container has the port that was refused; `''` if it is none, or a program of the host, which the message names. */
function holderAmongContainers(ctx: Context, record: ContainerRecord, cause: unknown): string {
  const refused = /:(\d+) failed: port is already allocated$/.exec(messageOf(cause))?.[1];
  if (refused === undefined) return '';
  const holder = ctx.store
    .all()
    .find((c) => c.id !== record.id && c.ports.some(({ hostPort }) => hostPort === Number(refused)));
  return holder === undefined ? ' to another port of this container' : ` to container "${holder.name}"`;
}

function networkingFailed(cause: unknown, prefix: string, suffix = ''): StartError {
  const kind = cause instanceof WharfError ? cause.kind : 'internal';
  const hint = cause instanceof WharfError ? cause.context.hint : undefined;
  // Docker answers 500 for taken ports, 403 for a taken address.
  return new StartError(
    prefix === '' ? kind : 'internal',
    `failed to set up container networking: ${prefix}${messageOf(cause)}${suffix}`,
    128,
    { cause, hint, isRetried: false },
  );
}

/** `endpoints` without what the kernel had: of a container that stopped. */
export function disconnected(attachments: readonly Attachment[]): Attachment[] {
  return attachments.map((a) => (a.endpoint === null ? a : { ...a, endpoint: null }));
}

/** Publishes `network connect` or `disconnect` for every network of a container. */
export function publishNetworkEvents(
  ctx: Context,
  record: ContainerRecord,
  attachments: readonly Attachment[],
  action: 'connect' | 'disconnect',
): void {
  for (const attachment of attachments) {
    if (attachment.networkId === '') continue;
    const network = ctx.book.all().find((n) => n.id === attachment.networkId);
    ctx.events.publish({
      type: 'network',
      action,
      id: attachment.networkId,
      attributes: { container: record.id, name: attachment.network, type: network?.driver ?? 'bridge' },
    });
  }
}

/** The container whose namespace `container:REF` joins. @throws {StartError} if it is missing or does not run */
export function namespaceOwner(ctx: Context, ref: string, what: string): ContainerRecord & { readonly pid: number } {
  let owner: ContainerRecord;
  try {
    owner = ctx.store.lookup(ref);
  } catch (cause) {
    throw new StartError('internal', `joining ${what} namespace of container: ${messageOf(cause)}`, 128, { cause });
  }
  if (!isLive(owner.state)) {
    throw new StartError(
      'conflict',
      `cannot join ${what} namespace of a non running container: container ${owner.id} is ${owner.state.kind}`,
      128,
    );
  }
  return { ...owner, pid: owner.state.pid };
}

/** Addresses of the host as containers see it: what `host-gateway` stands for. */
export function hostGateways(ctx: Context): readonly string[] {
  const { hostGateways: set = [] } = ctx.options;
  return set.length > 0 ? set : (ctx.book.named('bridge')?.bridge?.subnets.map((s) => s.gateway) ?? []);
}
