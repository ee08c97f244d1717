import type { AllowedWay, BridgeNetwork, Family, PublishedPort } from './contract.ts';

/** A published port as the firewall forwards it, to a container's address; with host port 0 it is let through to that. */
export interface Forward extends PublishedPort {
  readonly target: string;
}

/** Of the tables that carry this engine's rules, one in each family. */
export function tableName(instance: string): string {
  return `wharf_${instance.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
}

/** A port of a container that another one of its network may reach, though the network keeps its containers apart. */
export interface NeighbourWay extends AllowedWay {
  readonly from: string;
}

/** What nft calls a family, its addresses, and the messages of its own that a reachable address has to take. */
const FAMILIES = [
  { family: 4, word: 'ip', type: 'ipv4_addr', icmp: 'icmp' },
  { family: 6, word: 'ip6', type: 'ipv6_addr', icmp: 'ipv6-icmp' },
] as const;
type Words = (typeof FAMILIES)[number];

/**
 * Everything of this engine in the firewall, as one transaction that replaces what was there. What it does:
 * - published ports: packets to an address of the host go to the container, by a lookup in two maps, wherever they come from
 *   (also from the host itself and from containers, also from the one that has the port);
 * - containers' packets to elsewhere get the host's address, as do those that would come back by another way than they went;
 * - nothing reaches a container from outside of its bridge but answers and published ports; internal networks are shut.
 * Priorities are the usual ones and every policy is accept: it forbids only what concerns our bridges. Without a network there
 * is no table.
 */
export function renderFirewall(
  instance: string,
  all: readonly BridgeNetwork[],
  forwards: readonly Forward[],
  ways: readonly NeighbourWay[] = [],
): string {
  const table = tableName(instance);
  return [
    ...FAMILIES.flatMap((words) => {
      const networks = all.filter((n) => n.direct === undefined && !n.withoutFirewall?.includes(words.family));
      if (networks.length === 0) return removed(words.word, table);
      return replaced(words.word, table, tableOf(words, networks, forwards, ways));
    }),
    '',
  ].join('\n');
}

function tableOf(
  words: Words,
  networks: readonly BridgeNetwork[],
  forwards: readonly Forward[],
  allWays: readonly NeighbourWay[],
): string[] {
  const ways = allWays.filter((w) => familyOf(w.address) === words.family);
  const { family, word, type } = words;
  const ours = forwards.filter((f) => familyOf(f.target) === family);
  const value = `${type} . inet_service`;
  const key = { published: 'inet_proto . inet_service', published_at: `${type} . inet_proto . inet_service` };
  const members = (name: string) => elements(ours.filter((f) => placeOf(f) === name));
  return [
    ...block('map published', [`type ${key.published} : ${value}`, ...members('published')]),
    ...block('map published_at', [`type ${key.published_at} : ${value}`, ...members('published_at')]),
    ...block('set opened', [`type ${key.published_at}`, ...members('opened')]),
    ...(ways.length === 0
      ? []
      : block('set linked', [`type ${type} . ${type} . inet_proto . inet_service`, waysOf(ways)])),
    ...block('chain ports', [
      `dnat ${word} to ${word} daddr . meta l4proto . th dport map @published_at`,
      `dnat ${word} to meta l4proto . th dport map @published`,
    ]),
    ...block('chain prerouting', [
      'type nat hook prerouting priority dstnat; policy accept;',
      'fib daddr type local jump ports',
    ]),
    ...block('chain output', [
      'type nat hook output priority -100; policy accept;',
      // What comes from ::1 is never let out of the machine: that address is served by relays.
      `${family === 6 ? 'ip6 daddr != ::1 ' : ''}fib daddr type local jump ports`,
    ]),
    ...block('chain postrouting', [
      'type nat hook postrouting priority srcnat; policy accept;',
      ...networks.flatMap((n) => masqueradeRules(n, words)),
    ]),
    ...(family === 6
      ? []
      : block('chain raw_prerouting', [
          // Loopback ports need route_localnet on the bridges: nobody there may use it to talk to the host's loopback.
          'type filter hook prerouting priority raw; policy accept;',
          ...networks.map((n) => `iifname "${n.bridge}" ip daddr 127.0.0.0/8 drop`),
        ])),
    ...forwardChain(networks, words, ways.length > 0),
  ];
}

/** Adds ports to a table that is there. */
export function renderForwards(instance: string, verb: 'add' | 'delete', forwards: readonly Forward[]): string {
  const table = tableName(instance);
  return forwards
    .map((f) => {
      const { word = 'ip' } = FAMILIES.find(({ family }) => family === familyOf(f.target)) ?? {};
      return `${verb} element ${word} ${table} ${placeOf(f)} { ${element(f)} }\n`;
    })
    .join('');
}

function waysOf(ways: readonly NeighbourWay[]): string {
  const members = new Set(ways.map((w) => `${w.from} . ${w.address} . ${w.protocol} . ${w.port}`));
  return `elements = { ${[...members].join(', ')} }`;
}

function forwardChain(networks: readonly BridgeNetwork[], { family, word, icmp }: Words, hasWays: boolean): string[] {
  const internal = networks.filter((n) => n.internal);
  const routed = networks.filter((n) => n.routed?.includes(family));
  return block('chain forward', [
    'type filter hook forward priority filter; policy accept;',
    ...internal.flatMap(({ bridge }) => [
      `iifname "${bridge}" oifname != "${bridge}" drop`,
      `iifname != "${bridge}" oifname "${bridge}" drop`,
    ]),
    'ct state established,related accept',
    'ct status dnat accept',
    ...(routed.length > 0 ? [`${word} daddr . meta l4proto . th dport @opened accept`] : []),
    ...routed.map(({ bridge }) => `oifname "${bridge}" meta l4proto ${icmp} accept`),
    ...(hasWays ? [`${word} saddr . ${word} daddr . meta l4proto . th dport @linked accept`] : []),
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
  { bridge, subnets, masquerade, internal, sourceAddresses = [], routed = [] }: BridgeNetwork,
  { family, word }: Words,
): string[] {
  if (internal || routed.includes(family)) return [];
  const source = sourceAddresses.find((address) => familyOf(address) === family);
  const away = source === undefined ? 'masquerade' : `snat to ${source}`;
  const loopback = family === 4 ? [`ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`] : [];
  return [
    ...loopback,
    ...subnets
      .filter((s) => familyOf(s.subnet) === family)
      .flatMap(({ subnet }) => [
        ...(masquerade ? [`${word} saddr ${subnet} oifname != "${bridge}" ${away}`] : []),
        // A neighbour that came by a published port: unless the answer comes back through us it is not recognised.
        `${word} saddr ${subnet} ${word} daddr ${subnet} ct status dnat masquerade`,
      ]),
  ];
}

/** The family of an address or a block. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

function placeOf({ hostIp, hostPort }: Forward): 'published' | 'published_at' | 'opened' {
  if (hostPort === 0) return 'opened';
  return hostIp === '0.0.0.0' || hostIp === '::' ? 'published' : 'published_at';
}

function element(f: Forward): string {
  if (placeOf(f) === 'opened') return `${f.target} . ${f.protocol} . ${f.containerPort}`;
  const port = `${f.protocol} . ${f.hostPort}`;
  const key = placeOf(f) === 'published' ? port : `${f.hostIp} . ${port}`;
  return `${key} : ${f.target} . ${f.containerPort}`;
}

function elements(forwards: readonly Forward[]): string[] {
  return forwards.length === 0 ? [] : [`elements = { ${forwards.map(element).join(', ')} }`];
}

function replaced(family: string, table: string, lines: readonly string[]): string[] {
  return [...removed(family, table), ...block(`table ${family} ${table}`, lines)];
}

/** Adding before deleting makes the deletion succeed in any case; all of it is one transaction. */
function removed(family: string, table: string): string[] {
  return [`add table ${family} ${table}`, `delete table ${family} ${table}`];
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), '}'];
}
