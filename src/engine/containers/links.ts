import { shortId } from '../../core/ids.ts';
import { invalidParameter } from '../../core/errors.ts';
import type { HostsLine } from './etc-files.ts';
import type { ContainerPort } from './ports.ts';
import { parsePortKey } from './ports.ts';
import type { ContainerRecord } from './record.ts';

export interface Link {
  readonly target: string;
  readonly alias: string;
}

/** `name`, `name:alias`, or inspect's `/name:/me/alias`. @throws {WharfError} `INVALID_PARAMETER` */
export function parseLink(text: string): Link {
  const [target = '', alias = ''] = text.split(':', 2);
  if (target === '' || text.split(':').length > 2) throw invalidParameter({ message: `bad format for links: ${text}` });
  const name = target.replace(/^\//, '');
  return { target: name, alias: (alias || name).replace(/^.*\//, '') };
}

/** A running container that another one is linked to on the default bridge. */
export interface LinkedContainer {
  readonly alias: string;
  readonly record: ContainerRecord;
  readonly address: string;
}

/** The line that makes a link resolvable. */
export function linkHostsLine(link: LinkedContainer): HostsLine {
  return {
    address: link.address,
    names: [...new Set([link.alias, shortId(link.record.id), link.record.name])],
  };
}

/** Variables of a legacy link: `DB_PORT`, `DB_PORT_3306_TCP_ADDR`, `DB_NAME`, `DB_ENV_…`. */
export function linkEnv(ownName: string, link: LinkedContainer): string[] {
  const prefix = link.alias.toUpperCase().replaceAll('-', '_');
  const ports = Object.keys(link.record.config.ExposedPorts ?? {})
    .flatMap((key) => parsePortKey(key))
    .sort((a, b) => a.port - b.port);
  const [lowest] = ports;
  const env: string[] = [];
  if (lowest !== undefined) env.push(`${prefix}_PORT=${lowest.protocol}://${link.address}:${lowest.port}`);
  for (const { start, end, protocol } of rangesOf(ports)) {
    if (start === end) continue;
    const base = `${prefix}_PORT_${start}_${protocol.toUpperCase()}`;
    env.push(
      `${base}_START=${protocol}://${link.address}:${start}`,
      `${base}_PORT_START=${start}`,
      `${base}_END=${protocol}://${link.address}:${end}`,
      `${base}_PORT_END=${end}`,
    );
  }
  for (const { port, protocol } of ports) {
    const base = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    env.push(
      `${base}=${protocol}://${link.address}:${port}`,
      `${base}_ADDR=${link.address}`,
      `${base}_PORT=${port}`,
      `${base}_PROTO=${protocol}`,
    );
  }
  env.push(`${prefix}_NAME=/${ownName}/${link.alias}`);
  for (const entry of link.record.config.Env ?? []) {
    if (!entry.startsWith('PATH=')) env.push(`${prefix}_ENV_${entry}`);
  }
  return env;
}

/** Ports that follow each other without a gap, taken together. @param ports in ascending order */
function rangesOf(ports: readonly ContainerPort[]): { start: number; end: number; protocol: string }[] {
  const ranges: { start: number; end: number; protocol: string }[] = [];
  for (const { port, protocol } of ports) {
    const before = ranges.find((range) => range.protocol === protocol && range.end === port - 1);
    if (before === undefined) ranges.push({ start: port, end: port, protocol });
    else before.end = port;
  }
  return ranges;
}
