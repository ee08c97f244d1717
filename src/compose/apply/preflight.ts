import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import type { Client } from '../../client/index.ts';
import { nearest } from '../../core/nearest.ts';
import { holderOf } from '../../core/port-user.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import { composeFailed } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Port } from '../model/service.ts';
import { label } from '../plan/labels.ts';
import { isTaken } from './host-ports.ts';
import { nameOf } from './observe.ts';

/** A container that is to be made or started, and the service whose it is. */
export interface Coming {
  readonly service: string;
  readonly container: string;
}

/**
 * Looks for what would go wrong half-way: published ports that others have, files to be mounted that are not there.
 * Nothing has been made yet when it throws.
 * @param coming containers that will be made or started
 * @param leaving IDs of containers that are removed before
 * @throws {WharfError} `COMPOSE_FAILED` with the place in the file
 */
export async function preflight(
  client: Client,
  project: Project,
  coming: readonly Coming[],
  leaving: ReadonlySet<string>,
  warn: (text: string) => void,
): Promise<void> {
  // Only an engine on this machine sees the same files and ports as we do.
  const local = client.host.startsWith('unix://');
  if (local) for (const name of new Set(coming.map((c) => c.service))) checkFiles(project, name, warn);
  const once = [...new Map(coming.map((c) => [c.container, c])).values()];
  const wanted = once.flatMap(({ service, container }) =>
    (project.services[service]?.ports ?? []).flatMap((port) =>
      /^\d+$/.test(port.published ?? '') ? [{ service, container, port, number: Number(port.published) }] : [],
    ),
  );
  if (wanted.length === 0) return;
  const others = await client.containers.list();
  const ours = new Set(coming.map((c) => c.container));
  const seen: typeof wanted = [];
  for (const one of wanted) {
    const { service, port, number } = one;
    const at = { at: project.positions.get(`services.${service}.ports`) };
    const same = seen.find((s) => s.number === number && overlaps(s.port, port));
    if (same) {
      const whose =
        same.service === service
          ? `more than one container of "${service}"`
          : `services "${same.service}" and "${service}"`;
      throw composeFailed(
        { message: `port ${number}/${port.protocol} would be published by ${whose}` },
        {
          ...at,
          hint:
            same.service === service
              ? `give a range, such as "${number}-${number + 4}:${port.target}", or no host port`
              : 'change the host port of one of them; note that ports of several files add up: `ports: !override [...]` replaces',
        },
      );
    }
    seen.push(one);
    const holder = others.find((c) => !ours.has(nameOf(c)) && !leaving.has(c.Id) && publishes(c, port, number));
    if (holder) {
      const owner = label(holder, 'project');
      const replaced = owner === project.name && label(holder, 'service') === service;
      if (replaced) continue;
      throw composeFailed(
        {
          message: `service "${service}": Bind for ${port.host_ip ?? '0.0.0.0'}:${number} failed: port is already allocated: container ${nameOf(holder)}${owner === undefined ? '' : ` of project "${owner}"`} publishes it`,
        },
        { ...at, hint: 'stop that container, or change the host port' },
      );
    }
    const held = others.some((c) => publishes(c, port, number));
    if (local && !held && port.protocol === 'tcp' && (await isTaken(number, port.host_ip))) {
      throw composeFailed(
        {
          message: `service "${service}": Bind for ${port.host_ip ?? '0.0.0.0'}:${number} failed: port is already allocated: ${holderOf('tcp', number) ?? 'a process of this host'} listens on it`,
        },
        { ...at, hint: `see who: ss -ltnp "sport = :${number}"; or change the host port` },
      );
    }
  }
}

function checkFiles(project: Project, name: string, warn: (text: string) => void): void {
  const service = project.services[name];
  for (const volume of service?.volumes ?? []) {
    if (volume.type !== 'bind' || volume.source === undefined || existsSync(volume.source)) continue;
    const at =
      project.positions.get(`services.${name}.volumes:${volume.source}`) ??
      project.positions.get(`services.${name}.volumes`);
    const guess = nearName(volume.source);
    if (
      volume.bind?.create_host_path === false ||
      (volume.bind && volume.bind.create_host_path === undefined && volume.bind.recursive !== undefined)
    ) {
      throw composeFailed(
        { message: `service "${name}": the path to mount does not exist: ${volume.source}` },
        { at, hint: guess === undefined ? undefined : `did you mean ${guess}?` },
      );
    }
    // A folder where a file was meant is the most common surprise.
    if (/\.\w+$/.test(posix.basename(volume.target)) && /\.\w+$/.test(posix.basename(volume.source))) {
      const where = at ? `${at.file}:${at.line}:${at.column}: ` : '';
      warn(
        `${where}${volume.source} does not exist and will be made as a folder, although ${volume.target} looks like a file${guess === undefined ? '' : `; did you mean ${guess}?`}`,
      );
    }
  }
  for (const kind of ['secrets', 'configs'] as const) {
    for (const { source } of service?.[kind] ?? []) {
      const file = project[kind][source]?.file;
      if (file === undefined || existsSync(file)) continue;
      const guess = nearName(file);
      throw composeFailed(
        { message: `service "${name}": the file of ${kind.slice(0, -1)} "${source}" does not exist: ${file}` },
        {
          at: project.positions.get(`${kind}.${source}.file`) ?? project.positions.get(`${kind}.${source}`),
          hint: guess === undefined ? undefined : `did you mean ${guess}?`,
        },
      );
    }
  }
}

/** A file beside the missing one whose name is much like it. */
function nearName(path: string): string | undefined {
  const folder = posix.dirname(path);
  if (!existsSync(folder)) return undefined;
  const guess = nearest(posix.basename(path), readdirSync(folder));
  return guess === undefined ? undefined : posix.join(folder, guess);
}

function overlaps(a: Port, b: Port): boolean {
  return a.protocol === b.protocol && sameAddress(a.host_ip, b.host_ip);
}

function sameAddress(a: string | undefined, b: string | undefined): boolean {
  const any = (ip: string | undefined): boolean => ip === undefined || ip === '' || ip === '0.0.0.0' || ip === '::';
  return any(a) || any(b) || a === b;
}

function publishes(container: ContainerSummary, port: Port, number: number): boolean {
  return container.Ports.some(
    (p) => p.PublicPort === number && p.Type === port.protocol && sameAddress(p.IP, port.host_ip),
  );
}
