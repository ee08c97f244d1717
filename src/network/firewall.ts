import type { BridgeNetwork, PublishedPort } from './contract.ts';

/** A published port as the firewall forwards it: IPv4 only, to a container's address. */
export interface Forward extends PublishedPort {
  readonly target: string;
}

/** Of the tables that carry this engine's rules, one in each family. */
export function tableName(instance: string): string {
  return `wharf_${instance.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
}

/**
 * Everything of this engine in the firewall, as one transaction that replaces what was there. What it does:
 * - published ports: packets to an address of the host go to the container, by a lookup in two maps, wherever they come from
 *   (also from the host itself and from containers, also from the one that has the port);
 * - containers' packets to elsewhere get the host's address, as do those that would come back by another way than they went;
 * - nothing reaches a container from outside of its bridge but answers and published ports; internal networks are shut.
 * Priorities are the usual ones and every policy is accept: it forbids only what concerns our bridges.
 */
export function renderFirewall(
  instance: string,
  networks: readonly BridgeNetwork[],
  forwards: readonly Forward[],
): string {
  const table = tableName(instance);
  return [
    ...replaced('ip', table, [
      ...block('map published', [
        'type inet_proto . inet_service : ipv4_addr . inet_service',
        ...elements(forwards.filter(isAny)),
      ]),
      ...block('map published_at', [
        'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
        ...elements(forwards.filter((f) => !isAny(f))),
      ]),
      ...block('chain ports', [
        'dnat ip to ip daddr . meta l4proto . th dport map @published_at',
        'dnat ip to meta l4proto . th dport map @published',
      ]),
      ...block('chain prerouting', [
        'type nat hook prerouting priority dstnat; policy accept;',
        'fib daddr type local jump ports',
      ]),
      ...block('chain output', [
        'type nat hook output priority -100; policy accept;',
        'fib daddr type local jump ports',
      ]),
      ...block('chain postrouting', [
        'type nat hook postrouting priority srcnat; policy accept;',
        ...networks.flatMap((n) => masqueradeRules(n, 4)),
      ]),
      ...block('chain raw_prerouting', [
        // Loopback ports need route_localnet on the bridges: nobody there may use it to talk to the host's loopback.
        'type filter hook prerouting priority raw; policy accept;',
        ...networks.map((n) => `iifname "${n.bridge}" ip daddr 127.0.0.0/8 drop`),
      ]),
      ...forwardChain(networks),
    ]),
    ...replaced('ip6', table, [
      ...block('chain postrouting', [
        'type nat hook postrouting priority srcnat; policy accept;',
        ...networks.flatMap((n) => masqueradeRules(n, 6)),
      ]),
      ...forwardChain(networks),
    ]),
    '',
  ].join('\n');
}

/** Takes everything away; success also if nothing is there. */
export function renderRemoval(instance: string): string {
  const table = tableName(instance);
  return ['ip', 'ip6'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`).join('');
}

/** Adds ports to a table that is there. */
export function renderForwards(instance: string, verb: 'add' | 'delete', forwards: readonly Forward[]): string {
  return forwards
    .map(
      (f) => `${verb} element ip ${tableName(instance)} ${isAny(f) ? 'published' : 'published_at'} { ${element(f)} }\n`,
    )
    .join('');
}

function forwardChain(networks: readonly BridgeNetwork[]): string[] {
  const internal = networks.filter((n) => n.internal);
  return block('chain forward', [
    'type filter hook forward priority filter; policy accept;',
    ...internal.flatMap(({ bridge }) => [
      `iifname "${bridge}" oifname != "${bridge}" drop`,
      `iifname != "${bridge}" oifname "${bridge}" drop`,
    ]),
    'ct state established,related accept',
    'ct status dnat accept',
    ...networks.filter((n) => !n.icc).map(({ bridge }) => `iifname "${bridge}" oifname "${bridge}" drop`),
    ...networks.flatMap(({ bridge, trustedInterfaces = [] }) =>
      trustedInterfaces.map((name) => `iifname "${name}" oifname "${bridge}" accept`),
    ),
    ...networks.filter((n) => !n.internal).flatMap((n) => guard(n, networks)),
  ]);
}

/** What may not come into a network: all but its own, or (unprotected) what comes from our other networks. */
function guard({ bridge, unprotected }: BridgeNetwork, networks: readonly BridgeNetwork[]): string[] {
  if (!unprotected) return [`iifname != "${bridge}" oifname "${bridge}" drop`];
  const others = networks.filter((n) => n.bridge !== bridge).map((n) => `"${n.bridge}"`);
  return others.length === 0 ? [] : [`iifname { ${others.join(', ')} } oifname "${bridge}" drop`];
}

function masqueradeRules(
  { bridge, subnets, masquerade, internal, sourceAddresses = [] }: BridgeNetwork,
  family: 4 | 6,
): string[] {
  if (internal) return [];
  const word = family === 4 ? 'ip' : 'ip6';
  const source = sourceAddresses.find((address) => address.includes(':') === (family === 6));
  const away = source === undefined ? 'masquerade' : `snat to ${source}`;
  const loopback = family === 4 ? [`ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`] : [];
  return [
    ...loopback,
    ...subnets
      .filter((s) => s.subnet.includes(':') === (family === 6))
      .flatMap(({ subnet }) => [
        ...(masquerade ? [`${word} saddr ${subnet} oifname != "${bridge}" ${away}`] : []),
        // A neighbour that came by a published port: unless the answer comes back through us it is not recognised.
        `${word} saddr ${subnet} ${word} daddr ${subnet} ct status dnat masquerade`,
      ]),
  ];
}

function isAny({ hostIp }: Forward): boolean {
  return hostIp === '0.0.0.0';
}

function element(f: Forward): string {
  const key = isAny(f) ? `${f.protocol} . ${f.hostPort}` : `${f.hostIp} . ${f.protocol} . ${f.hostPort}`;
  return `${key} : ${f.target} . ${f.containerPort}`;
}

function elements(forwards: readonly Forward[]): string[] {
  return forwards.length === 0 ? [] : [`elements = { ${forwards.map(element).join(', ')} }`];
}

/** Adding before deleting makes the deletion succeed in any case; all of it is one transaction. */
function replaced(family: string, table: string, lines: readonly string[]): string[] {
  return [
    `add table ${family} ${table}`,
    `delete table ${family} ${table}`,
    ...block(`table ${family} ${table}`, lines),
  ];
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), '}'];
}
