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

/** A create request as the version it was written for meant it: what that version did not know counts as not said. */
export function createRequestFor(version: string, request: ContainerCreateRequest): ContainerCreateRequest {
  const before = (v: string) => compareVersions(version, v) < 0;
  const { Healthcheck, NetworkingConfig, HostConfig: host = {}, ...config } = request;
  const endpoints = NetworkingConfig?.EndpointsConfig ?? {};
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
