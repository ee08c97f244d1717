import { invalidParameter } from '../core/errors.ts';
import type {
  ContainerCreateRequest,
  ContainerInspect,
  ContainerSummary,
  HostConfig,
  MountRequest,
} from '../core/wire/container.ts';
import type { EndpointSettings } from '../core/wire/network.ts';
import { compareVersions } from './http/version.ts';

const ENDPOINT_SYSCTLS = 'com.docker.network.endpoint.sysctls';

/** A create request as the version it was written for meant it: what that version did not know counts as not said. */
export function createRequestFor(version: string, request: ContainerCreateRequest): ContainerCreateRequest {
  const before = (v: string) => compareVersions(version, v) < 0;
  const { Healthcheck, NetworkingConfig, HostConfig: asked = {}, ...config } = request;
  const { host, endpoints } = interfaceSysctls(before('1.47'), asked, NetworkingConfig?.EndpointsConfig ?? {});
  const names = Object.keys(endpoints);
  if (before('1.44') && names.length > 1) {
    throw invalidParameter({
      message: `Container cannot be created with multiple network endpoints: ${names.join(', ')}`,
    });
  }
  return {
    ...config,
    ...(Healthcheck === undefined
      ? {}
      : { Healthcheck: before('1.44') ? { ...Healthcheck, StartInterval: 0 } : Healthcheck }),
    HostConfig: hostConfigFor(before, host),
    NetworkingConfig: {
      EndpointsConfig: before('1.44') ? mapValues(endpoints, (e) => e && withoutMac(e)) : endpoints,
    },
  };
}

/**
 * Kernel settings of the interface eth0, which is there only once the network is: until 1.46 they could stand among the
 * container's own. @throws {WharfError} `INVALID_PARAMETER` for clients that should know
 */
function interfaceSysctls(
  isOld: boolean,
  asked: HostConfig,
  endpoints: Readonly<Record<string, EndpointSettings | null>>,
): { readonly host: HostConfig; readonly endpoints: Readonly<Record<string, EndpointSettings | null>> } {
  const names = Object.keys(asked.Sysctls ?? {}).filter((name) => /^net\.[^.]+\.[^.]+\.eth0\./.test(name));
  const [first] = names;
  const mode = asked.NetworkMode || 'default';
  if (first === undefined || mode === 'host' || mode === 'none' || mode.startsWith('container:')) {
    return { host: asked, endpoints };
  }
  if (!isOld) {
    throw invalidParameter({
      message: `interface specific sysctl setting ${JSON.stringify(first)} must be supplied using driver option '${ENDPOINT_SYSCTLS}'`,
    });
  }
  const moved = names.map((name) => `${name.replace('.eth0.', '.IFNAME.')}=${asked.Sysctls?.[name] ?? ''}`);
  const rest = Object.fromEntries(Object.entries(asked.Sysctls ?? {}).filter(([name]) => !names.includes(name)));
  const known = Object.keys(endpoints);
  const network = known.includes(mode) || known.length === 0 ? mode : (known[0] ?? mode);
  const endpoint = endpoints[network] ?? {};
  const all = [endpoint.DriverOpts?.[ENDPOINT_SYSCTLS], ...moved].filter(Boolean).join(',');
  const DriverOpts = { ...endpoint.DriverOpts, [ENDPOINT_SYSCTLS]: all };
  return { host: { ...asked, Sysctls: rest }, endpoints: { ...endpoints, [network]: { ...endpoint, DriverOpts } } };
}

/** What a client should know about its request beside what the engine says of it. */
export function createWarnings(version: string, request: ContainerCreateRequest): string[] {
  if (!request.MacAddress || compareVersions(version, '1.44') < 0) return [];
  return ['The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.'];
}

export function containerInspectFor(version: string, container: ContainerInspect): ContainerInspect {
  if (compareVersions(version, '1.45') >= 0) return container;
  const { NetworkSettings, HostConfig: host, Id, Config } = container;
  const Networks = mapValues(NetworkSettings.Networks, (endpoint, name) =>
    isUserNetwork(name, host.NetworkMode) ? withIdAsAlias(endpoint, Id, Config.Hostname ?? '') : endpoint,
  );
  return { ...container, NetworkSettings: { ...NetworkSettings, Networks } };
}

export function containerSummaryFor(version: string, container: ContainerSummary): ContainerSummary {
  if (compareVersions(version, '1.46') >= 0) return container;
  const { Annotations: _, ...host } = container.HostConfig;
  return { ...container, HostConfig: host };
}

function hostConfigFor(before: (version: string) => boolean, asked: HostConfig): HostConfig {
  const host = { ...asked };
  if (before('1.40') && !host.IpcMode) host.IpcMode = 'shareable';
  if (before('1.41') && !host.CgroupnsMode) host.CgroupnsMode = 'host';
  if (before('1.43')) delete host.Annotations;
  if (host.Mounts !== undefined) host.Mounts = host.Mounts.map((mount) => mountFor(before, mount));
  return host;
}

function mountFor(before: (version: string) => boolean, asked: MountRequest): MountRequest {
  const mount = { ...asked };
  const kind: string = mount.Type;
  if (before('1.42')) {
    // Options of another kind of mount were passed over.
    if (kind !== 'bind') delete mount.BindOptions;
    if (kind !== 'volume') delete mount.VolumeOptions;
    if (kind !== 'tmpfs') delete mount.TmpfsOptions;
  }
  if (before('1.45') && mount.VolumeOptions?.Subpath) throw needs('VolumeOptions.Subpath', '1.45');
  if (before('1.46') && mount.TmpfsOptions?.Options?.length) throw needs('TmpfsOptions.Options', '1.46');
  if (before('1.48') && kind === 'image') throw needs('Mount type "Image"', '1.48');
  return mount;
}

const needs = (what: string, version: string) =>
  invalidParameter({ message: `${what} needs API v${version} or newer` });

function withoutMac(endpoint: EndpointSettings): EndpointSettings {
  const { MacAddress: _, ...rest } = endpoint;
  return rest;
}

function withIdAsAlias(endpoint: EndpointSettings, id: string, hostname: string): EndpointSettings {
  const names = [...(endpoint.Aliases ?? []), id.slice(0, 12), hostname].filter(Boolean);
  return { ...endpoint, Aliases: [...new Set(names)] };
}

function isUserNetwork(name: string, mode: string | undefined): boolean {
  return !['bridge', 'host', 'none'].includes(name) && !(mode ?? '').startsWith('container:');
}

function mapValues<A, B>(values: Readonly<Record<string, A>>, change: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}
