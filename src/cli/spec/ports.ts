import type { PortMap } from '../../core/wire/container.ts';
import { isIP } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import { parseUnsigned } from './quantity.ts';

export interface PublishedPorts {
  readonly exposed: Record<string, Record<string, never>>;
  readonly bindings: PortMap;
}

/**
 * Reads `-p`: `[ip:][hostPort[-end]:]containerPort[-end][/proto]`, or the long form
 * `published=80,target=80,protocol=tcp,mode=host`.
 * @throws {Error} in docker's words
 */
export function parsePublished(specs: readonly string[]): PublishedPorts {
  const exposed: PublishedPorts['exposed'] = {};
  const bindings: PortMap = {};
  for (const spec of specs) {
    for (const one of spec.includes('=') ? longForm(spec) : shortForm(spec)) {
      const key = `${one.port}/${one.protocol}`;
      exposed[key] = {};
      (bindings[key] ??= []).push({ HostIp: one.ip, HostPort: one.hostPort });
    }
  }
  return { exposed, bindings };
}

/** Reads `--expose`: `port[-end][/proto]`. @throws {Error} in docker's words */
export function parseExposed(specs: readonly string[]): Record<string, Record<string, never>> {
  const exposed: Record<string, Record<string, never>> = {};
  for (const spec of specs) {
    const { range, protocol } = splitProtocol(spec);
    if (spec.includes(':')) throw new Error(`invalid port format for --expose: ${spec}`);
    const [start, end] = exposedRange(range);
    for (let port = start; port <= end; port++) exposed[`${port}/${protocol}`] = {};
  }
  return exposed;
}

/** @throws {Error} in docker's words */
function exposedRange(range: string): [start: number, end: number] {
  const fail = (why: string) => new Error(`invalid range format for --expose: ${range}, error: ${why}`);
  if (range === '') throw fail('empty string specified for ports');
  const dash = range.indexOf('-');
  const [start, end] = (dash < 0 ? [range, range] : [range.slice(0, dash), range.slice(dash + 1)]).map((text) => {
    try {
      return parseUnsigned(text, 65_535);
    } catch (e) {
      throw fail(messageOf(e));
    }
  }) as [number, number];
  if (end < start) throw fail(`invalid range specified for port: ${range}`);
  return [start, end];
}

interface OnePort {
  readonly ip: string;
  readonly hostPort: string;
  readonly port: number;
  readonly protocol: string;
}

function shortForm(spec: string): OnePort[] {
  const { ip, host, container } = splitParts(spec);
  if (container === '' || container.startsWith('/')) throw new Error(`no port specified: ${spec}<empty>`);
  const { range, protocol } = splitProtocol(container);
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw new Error(`invalid proto: ${protocol}`);
  if (ip !== '' && isIP(ip) === 0) throw new Error(`invalid IP address: ${ip}`);
  const [start, end] = portRange(range, () => {
    throw new Error(`invalid containerPort: ${range}`);
  });
  if (host === '') return numbers(start, end).map((port) => ({ ip, hostPort: '', port, protocol }));
  const [hostStart, hostEnd] = portRange(host, () => {
    throw new Error(`invalid hostPort: ${host}`);
  });
  if (hostEnd - hostStart !== end - start) {
    // One container port and a range on the host: the engine takes the first that is free.
    if (start !== end) throw new Error(`invalid ranges specified for container and host Ports: ${range} and ${host}`);
    return [{ ip, hostPort: host, port: start, protocol }];
  }
  return numbers(start, end).map((port, i) => ({ ip, hostPort: String(hostStart + i), port, protocol }));
}

function longForm(spec: string): OnePort[] {
  let target = '';
  let published = '';
  let protocol = 'tcp';
  for (const field of spec.split(',')) {
    const equals = field.indexOf('=');
    const key = field.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (equals < 1) throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    // As docker does, other names are passed over: `mode` is for services.
    if (key === 'protocol') protocol = value.toLowerCase();
    else if (key === 'target') target = value;
    else if (key === 'published') published = value;
  }
  return shortForm(`${published === '' ? '' : `${published}:`}${target}/${protocol}`);
}

/** Cuts at the last colons, as the address may hold colons itself. */
function splitParts(spec: string): { ip: string; host: string; container: string } {
  const parts = spec.split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const ip = parts.join(':').replace(/^\[(.*)\]$/, '$1');
  return { ip, host, container };
}

function splitProtocol(text: string): { range: string; protocol: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { range: text, protocol: 'tcp' };
  return { range: text.slice(0, slash), protocol: text.slice(slash + 1).toLowerCase() || 'tcp' };
}

function portRange(text: string, fail: () => never): [number, number] {
  const m = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (m === null) return fail();
  const start = Number(m[1]);
  const end = Number(m[2] ?? m[1]);
  return start > 65535 || end > 65535 || end < start ? fail() : [start, end];
}

function numbers(start: number, end: number): number[] {
  return Array.from({ length: end - start + 1 }, (_, i) => start + i);
}
