import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { shortId } from '../../core/ids.ts';
import type { Context } from './context.ts';
import { containerDirectory } from './context.ts';
import { hostGateways } from './endpoints.ts';
import type { HostsLine } from './etc-files.ts';
import { extraHostLines, hostsText, ownNames } from './etc-files.ts';
import type { LinkedContainer } from './links.ts';
import { linkHostsLine, parseLink } from './links.ts';
import type { Attachment, ContainerRecord } from './record.ts';
import { isLive } from './state.ts';

/** Writes a container's /etc/hosts in place: the file may be bound into it already. */
export function writeHosts(
  ctx: Context,
  record: ContainerRecord,
  attachments: readonly Attachment[],
  links: readonly LinkedContainer[],
): void {
  const path = join(containerDirectory(ctx, record.id), 'hosts');
  const extra = extraHostLines(record.hostConfig.ExtraHosts ?? [], hostGateways(ctx));
  if (record.hostConfig.NetworkMode === 'host') {
    const lines = extra.map((line) => `${line.address}\t${line.names.join(' ')}\n`).join('');
    writeFileSync(path, hostFile('/etc/hosts') + lines);
    return;
  }
  const own = attachments.flatMap((attachment) => ownLines(record, attachment));
  writeFileSync(path, hostsText({ extra, own, links: links.map(linkHostsLine) }));
}

/**
 * Changes a running container's /etc/hosts in place, line by line: what the container itself wrote there stays.
 */
export function changeHosts(
  ctx: Context,
  record: ContainerRecord,
  change: { readonly gone?: readonly HostsLine[]; readonly added?: readonly HostsLine[] },
): void {
  const path = join(containerDirectory(ctx, record.id), 'hosts');
  const textOf = ({ address, names }: HostsLine) => `${address}\t${names.join(' ')}`;
  const gone = new Set([...(change.gone ?? []), ...(change.added ?? [])].map(textOf));
  const kept = hostFile(path)
    .split('\n')
    .filter((line) => line !== '' && !gone.has(line));
  writeFileSync(path, [...kept, ...(change.added ?? []).map(textOf), ''].join('\n'));
}

/** What one network adds to a container's /etc/hosts. */
export function ownLines(record: ContainerRecord, { endpoint }: Attachment): HostsLine[] {
  if (endpoint === null) return [];
  const names = ownNames(record.config.Hostname || shortId(record.id), record.config.Domainname ?? '');
  return [endpoint.ipv4, endpoint.ipv6].flatMap((address) => (address ? [{ address, names }] : []));
}

/** Containers that are linked to this one, and run, learn its address, which may be another one than before. */
export function tellLinked(ctx: Context, started: ContainerRecord, address: string | undefined): void {
  if (address === undefined) return;
  for (const other of ctx.store.all()) {
    if (!isLive(other.state) || other.id === started.id || other.hostConfig.NetworkMode !== 'bridge') continue;
    for (const text of other.hostConfig.Links ?? []) {
      const { target, alias } = parseLink(text);
      if (target !== started.name) continue;
      const line = linkHostsLine({ alias, record: started, address });
      const path = join(containerDirectory(ctx, other.id), 'hosts');
      const gone = hostFile(path)
        .split('\n')
        .map((old): HostsLine => ({ address: old.split('\t')[0] ?? '', names: (old.split('\t')[1] ?? '').split(' ') }))
        .filter((old) => old.names.join(' ') === line.names.join(' '));
      changeHosts(ctx, other, { gone, added: [line] });
    }
  }
}

/**
 * Writes a container's /etc/resolv.conf in place. On a user's network the engine answers at 127.0.0.11. What somebody wrote
 * there himself since the last start stays: a digest beside the file tells.
 */
export function writeResolvConf(ctx: Context, record: ContainerRecord): void {
  const { hostConfig: host } = record;
  const path = join(containerDirectory(ctx, record.id), 'resolv.conf');
  const overridden = [host.Dns, host.DnsSearch, host.DnsOptions].some((list) => (list?.length ?? 0) > 0);
  const isHost = host.NetworkMode === 'host';
  const write = (text: string) => {
    const before = hostFile(`${path}.hash`);
    if (before !== '' && before !== digestOf(hostFile(path))) return;
    writeFileSync(path, text);
    writeFileSync(`${path}.hash`, digestOf(text));
  };
  if (isHost && !overridden) {
    write(hostFile('/etc/resolv.conf'));
    return;
  }
  const ownDns =
    !isHost &&
    record.attachments.some(({ network, networkId }) => {
      const found = ctx.book.all().find((n) => n.id === networkId || n.name === network || n.id === network);
      return found !== undefined && found.bridge !== null && found.name !== 'bridge';
    });
  write(
    ctx.options.networks.resolvConf({
      ownDns,
      servers: host.Dns ?? [],
      search: host.DnsSearch ?? [],
      options: host.DnsOptions ?? [],
    }),
  );
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The host name that processes of this container see. */
export function hostnameOf(record: ContainerRecord): string {
  if (record.config.Hostname) return record.config.Hostname;
  return record.hostConfig.NetworkMode === 'host' ? machineName() : shortId(record.id);
}
