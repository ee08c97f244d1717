/** An address and what it is called, for /etc/hosts. */
export interface HostsLine {
  readonly address: string;
  readonly names: readonly string[];
}

/** Text of a container's /etc/hosts (tab-separated, as Docker writes it). */
export function hostsText(options: {
  readonly extra: readonly HostsLine[];
  readonly own: readonly HostsLine[];
  readonly links: readonly HostsLine[];
}): string {
  const base: HostsLine[] = [
    { address: '127.0.0.1', names: ['localhost'] },
    { address: '::1', names: ['localhost', 'ip6-localhost', 'ip6-loopback'] },
    { address: 'fe00::', names: ['ip6-localnet'] },
    { address: 'ff00::', names: ['ip6-mcastprefix'] },
    { address: 'ff02::1', names: ['ip6-allnodes'] },
    { address: 'ff02::2', names: ['ip6-allrouters'] },
  ];
  return [...base, ...options.extra, ...options.links, ...options.own]
    .map((line) => `${line.address}\t${line.names.join(' ')}\n`)
    .join('');
}

/** `name:address` or `name=address`, IPv6 with or without brackets; `host-gateway` stands for each of `gateways`. */
export function extraHostLines(entries: readonly string[], gateways: readonly string[]): HostsLine[] {
  return entries.flatMap((entry) => {
    const at = entry.search(/[:=]/);
    const name = entry.slice(0, at);
    const given = entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
    if (at <= 0) return [];
    return (given === 'host-gateway' ? gateways : [given]).map((address) => ({ address, names: [name] }));
  });
}

/** The names of a container's own address: with a domain, the full name first. */
export function ownNames(hostname: string, domainname: string): string[] {
  if (domainname !== '') return [`${hostname}.${domainname}`, hostname];
  const dot = hostname.indexOf('.');
  return dot > 0 ? [hostname, hostname.slice(0, dot)] : [hostname];
}
