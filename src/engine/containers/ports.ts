import { isIP } from 'node:net';
import { invalidParameter } from '../../core/errors.ts';
import type { ContainerConfig, HostConfig, PortMap, PortSummary } from '../../core/wire/container.ts';
import type { PortRequest, PublishedPort } from '../../network/index.ts';

export interface ContainerPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

/** `80`, `80/tcp` or `8000-8002/udp`, as keys of `ExposedPorts` and `PortBindings`. @throws {WharfError} */
export function parsePortKey(key: string): ContainerPort[] {
  const [range = '', protocol = 'tcp'] = key.split('/', 2);
  const proto = protocol.toLowerCase();
  if (proto !== 'tcp' && proto !== 'udp' && proto !== 'sctp') {
    throw invalidParameter({ message: `invalid port specification: "${key}": invalid proto: ${protocol}` });
  }
  const [from, to] = parseRange(range, `invalid port specification: "${key}"`);
  return Array.from({ length: to - from + 1 }, (_, i) => ({ port: from + i, protocol: proto }));
}

/** Every port the container names, by `port/protocol`. */
export function exposedPorts(config: ContainerConfig, host: HostConfig): ContainerPort[] {
  const seen = new Map<string, ContainerPort>();
  for (const key of [...Object.keys(config.ExposedPorts ?? {}), ...Object.keys(host.PortBindings ?? {})]) {
    for (const port of parsePortKey(key)) seen.set(`${port.port}/${port.protocol}`, port);
  }
  return [...seen.values()];
}

/**
 * What to publish. Bindings of ports that are not exposed are published too (Docker ignores them, to the surprise of users
 * of its API); `PublishAllPorts` gives every other exposed port a free one. @throws {WharfError} `INVALID_PARAMETER`
 */
export function portRequests(config: ContainerConfig, host: HostConfig): PortRequest[] {
  const requests: PortRequest[] = [];
  const bound = new Set<string>();
  for (const [key, bindings] of Object.entries(host.PortBindings ?? {})) {
    const ports = parsePortKey(key);
    for (const { port, protocol } of ports) {
      bound.add(`${port}/${protocol}`);
      for (const binding of bindings?.length ? bindings : [{}]) {
        requests.push({
          containerPort: port,
          protocol,
          hostIp: checkHostIp(binding.HostIp ?? ''),
          hostPort: parseHostPort(binding.HostPort ?? ''),
        });
      }
    }
  }
  if (host.PublishAllPorts) {
    for (const { port, protocol } of exposedPorts(config, host)) {
      if (bound.has(`${port}/${protocol}`)) continue;
      requests.push({ containerPort: port, protocol, hostIp: '', hostPort: 0 });
    }
  }
  return requests;
}

/** `NetworkSettings.Ports`: published ports with their bindings, ports that are only exposed with `null`. */
export function wirePorts(exposed: readonly ContainerPort[], published: readonly PublishedPort[]): PortMap {
  const ports: PortMap = {};
  for (const { port, protocol } of exposed) ports[`${port}/${protocol}`] = null;
  for (const p of published) {
    const key = `${p.containerPort}/${p.protocol}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: p.hostIp, HostPort: p.hostPort === 0 ? '' : String(p.hostPort) }];
  }
  return ports;
}

/** `Ports` of a container in a list. */
export function summaryPorts(exposed: readonly ContainerPort[], published: readonly PublishedPort[]): PortSummary[] {
  const summary: PortSummary[] = published.map((p) => ({
    IP: p.hostIp,
    PrivatePort: p.containerPort,
    ...(p.hostPort === 0 ? {} : { PublicPort: p.hostPort }),
    Type: p.protocol,
  }));
  for (const { port, protocol } of exposed) {
    if (!published.some((p) => p.containerPort === port && p.protocol === protocol)) {
      summary.push({ PrivatePort: port, Type: protocol });
    }
  }
  return summary;
}

function checkHostIp(text: string): string {
  if (text !== '' && isIP(text) === 0) throw invalidParameter({ message: `invalid IP address: ${text}` });
  return text;
}

function parseHostPort(text: string): number | readonly [number, number] {
  if (text === '' || text === '0') return 0;
  const [from, to] = parseRange(text, `invalid port specification: "${text}"`);
  return from === to ? from : [from, to];
}

function parseRange(text: string, otherwise: string): [number, number] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (match === null || from > 65535 || to > 65535 || from < 1) throw invalidParameter({ message: otherwise });
  if (to < from) throw invalidParameter({ message: `invalid range format: ${text}` });
  return [from, to];
}
