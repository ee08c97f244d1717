import { readFileSync, writeFileSync } from 'node:fs';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { shortId } from '../../core/ids.ts';
import type { Context } from './context.ts';
import { containerDirectory } from './context.ts';
import { hostGateway } from './endpoints.ts';
import type { HostsLine } from './etc-files.ts';
import { extraHostLines, hostsText, ownNames } from './etc-files.ts';
import type { LinkedContainer } from './links.ts';
import { linkHostsLine } from './links.ts';
import type { Attachment, ContainerRecord } from './record.ts';

/** Writes a container's /etc/hosts in place: the file may be bound into it already. */
export function writeHosts(
  ctx: Context,
  record: ContainerRecord,
  attachments: readonly Attachment[],
  links: readonly LinkedContainer[],
): void {
  const path = join(containerDirectory(ctx, record.id), 'hosts');
  const extra = extraHostLines(record.hostConfig.ExtraHosts ?? [], hostGateway(ctx));
  if (record.hostConfig.NetworkMode === 'host') {
    const lines = extra.map((line) => `${line.address}\t${line.names.join(' ')}\n`).join('');
    writeFileSync(path, hostFile('/etc/hosts') + lines);
    return;
  }
  const names = ownNames(record.config.Hostname || shortId(record.id), record.config.Domainname ?? '');
  const own: HostsLine[] = attachments.flatMap(({ endpoint }) =>
    endpoint === null
      ? []
      : [endpoint.ipv4, ...(endpoint.ipv6 ? [endpoint.ipv6] : [])].map((address) => ({ address, names })),
  );
  writeFileSync(path, hostsText({ extra, own, links: links.map(linkHostsLine) }));
}

/** Writes a container's /etc/resolv.conf in place. On a user's network the engine answers at 127.0.0.11. */
export function writeResolvConf(ctx: Context, record: ContainerRecord): void {
  const { hostConfig: host } = record;
  const path = join(containerDirectory(ctx, record.id), 'resolv.conf');
  const overridden = [host.Dns, host.DnsSearch, host.DnsOptions].some((list) => (list?.length ?? 0) > 0);
  const isHost = host.NetworkMode === 'host';
  if (isHost && !overridden) {
    writeFileSync(path, hostFile('/etc/resolv.conf'));
    return;
  }
  const ownDns =
    !isHost &&
    record.attachments.some(({ network, networkId }) => {
      const found = ctx.book.all().find((n) => n.id === networkId || n.name === network || n.id === network);
      return found !== undefined && found.driver === 'bridge' && found.name !== 'bridge';
    });
  writeFileSync(
    path,
    ctx.options.networks.resolvConf({
      ownDns,
      servers: host.Dns ?? [],
      search: host.DnsSearch ?? [],
      options: host.DnsOptions ?? [],
    }),
  );
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
