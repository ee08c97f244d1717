import { randomBytes } from 'node:crypto';
import type { IpamPool } from '../../core/wire/network.ts';
import type { BridgeNetwork, Networks } from '../../network/index.ts';
import type { Collection, Database } from '../../storage/index.ts';
import { newId } from '../../core/ids.ts';
import { invalidParameter } from '../../core/errors.ts';
import { nowRfc3339 } from '../containers/time.ts';
import { networkNotFound } from '../errors.ts';

/** What the engine knows of a network; one document of the database. */
export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly driver: 'bridge' | 'macvlan' | 'ipvlan' | 'host' | 'null';
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>> | null;
    readonly config: readonly IpamPool[];
  };
  /** The request named a subnet: static addresses may be asked for. */
  readonly hasOwnSubnet: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Holds a configuration for others and nothing else: nobody can be on it. */
  readonly configOnly?: boolean;
  /** Name of the network that this one's configuration was taken from. */
  readonly configFrom?: string;
  /** What the kernel is given; `host` and `null` have nothing. */
  readonly bridge: BridgeNetwork | null;
}

/** The networks by ID and name, in memory and in the database. */
export class NetworkBook {
  readonly #collection: Collection<NetworkRecord>;
  readonly #records = new Map<string, NetworkRecord>();

  constructor(db: Database) {
    this.#collection = db.collection<NetworkRecord>('networks');
    for (const [id, record] of this.#collection.entries()) this.#records.set(id, record);
  }

  all(): NetworkRecord[] {
    return [...this.#records.values()];
  }

  bridges(): BridgeNetwork[] {
    return this.all().flatMap((n) => (n.bridge === null ? [] : [n.bridge]));
  }

  named(name: string): NetworkRecord | undefined {
    return this.all().find((n) => n.name === name);
  }

  /**
   * By full ID, exact name, or unambiguous prefix of an ID, in this order.
   * @throws {WharfError} `NETWORK_NOT_FOUND`; `INVALID_PARAMETER` at a prefix of several
   */
  lookup(ref: string): NetworkRecord {
    const exact = this.#records.get(ref) ?? this.named(ref);
    if (exact !== undefined) return exact;
    const matches = /^[a-f0-9]+$/.test(ref) ? this.all().filter((n) => n.id.startsWith(ref)) : [];
    if (matches.length > 1) {
      throw invalidParameter({
        message: `network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`,
      });
    }
    const [found] = matches;
    if (found === undefined) throw networkNotFound({ ref });
    return found;
  }

  put(record: NetworkRecord): void {
    this.#collection.put(record.id, record);
    this.#records.set(record.id, record);
  }

  delete(id: string): void {
    this.#collection.delete(id);
    this.#records.delete(id);
  }
}

const PREDEFINED = ['bridge', 'host', 'none'] as const;

/** Whether a network is one of the three that are always there. */
export function isPredefined(name: string): boolean {
  return (PREDEFINED as readonly string[]).includes(name);
}

/**
 * Records `bridge`, `host` and `none` on first use; they keep their IDs. `defaultBridge`: address of the default bridge in
 * CIDR form, or `undefined` for 172.17.0.1/16 or, if that is taken, a free subnet. While nobody is on it (`isUsed`), the
 * default bridge moves where its address was changed, or where the host by now uses its addresses elsewhere.
 */
export async function ensurePredefined(
  book: NetworkBook,
  networks: Networks,
  defaultBridge: string | undefined,
  isUsed: (networkId: string) => boolean,
): Promise<void> {
  const before = book.named('bridge');
  if (before === undefined) book.put(await planDefaultBridge(book, networks, defaultBridge, undefined));
  else if (before.bridge !== null && !isUsed(before.id)) {
    const [subnet] = before.bridge.subnets;
    const wanted = defaultBridge === undefined ? undefined : subnetOfAddress(defaultBridge);
    const isElsewhere = wanted !== undefined && (wanted.subnet !== subnet?.subnet || wanted.gateway !== subnet.gateway);
    if (isElsewhere || (wanted === undefined && networks.conflicts(before.bridge))) {
      book.put(await planDefaultBridge(book, networks, defaultBridge, before));
    }
  }
  for (const [name, driver] of [
    ['host', 'host'],
    ['none', 'null'],
  ] as const) {
    if (book.named(name) !== undefined) continue;
    book.put({
      id: newId(),
      name,
      created: nowRfc3339(),
      driver,
      internal: false,
      attachable: false,
      ingress: false,
      enableIpv4: true,
      enableIpv6: false,
      ipam: { driver: 'default', options: null, config: [] },
      hasOwnSubnet: false,
      options: {},
      labels: {},
      bridge: null,
    });
  }
}

async function planDefaultBridge(
  book: NetworkBook,
  networks: Networks,
  defaultBridge: string | undefined,
  before: NetworkRecord | undefined,
): Promise<NetworkRecord> {
  const id = before?.id ?? newId();
  const others = book.bridges().filter((b) => b.id !== id);
  const request = { id, name: 'bridge', isDefault: true, internal: false, enableIpv6: false, options: {} };
  const plan = (cidr: string | undefined) =>
    networks.plan({ ...request, subnets: cidr === undefined ? [] : [subnetOfAddress(cidr)] }, others);
  // Without an address: the first free block of the pools, which is 172.17.0.0/16 unless the host routes it.
  const bridge = await plan(defaultBridge);
  return {
    id,
    name: 'bridge',
    created: before?.created ?? nowRfc3339(),
    driver: 'bridge',
    internal: false,
    attachable: false,
    ingress: false,
    enableIpv4: true,
    enableIpv6: false,
    ipam: { driver: 'default', options: null, config: ipamConfigOf(bridge) },
    hasOwnSubnet: false,
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': bridge.bridge,
      'com.docker.network.driver.mtu': String(bridge.mtu),
    },
    labels: {},
    bridge,
  };
}

/** `IPAM.Config` of a planned bridge. */
export function ipamConfigOf(bridge: BridgeNetwork): IpamPool[] {
  return bridge.subnets.map((s) => ({
    Subnet: s.subnet,
    ...(s.ipRange ? { IPRange: s.ipRange } : {}),
    Gateway: s.gateway,
    ...(s.aux && Object.keys(s.aux).length > 0 ? { AuxiliaryAddresses: { ...s.aux } } : {}),
  }));
}

/** Subnet and gateway of an address with its prefix length: `172.17.0.1/16` is .1 in 172.17.0.0/16. */
function subnetOfAddress(cidr: string): { subnet: string; gateway: string } {
  const [address = '', bits = ''] = cidr.split('/');
  const octets = address.split('.').map(Number);
  if (octets.length !== 4 || !/^\d+$/.test(bits) || Number(bits) > 30) {
    throw invalidParameter({ message: `invalid address of the default bridge: ${cidr}` });
  }
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const size = 2 ** (32 - Number(bits));
  const base = Math.floor(value / size) * size;
  const text = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.');
  return { subnet: `${text}/${bits}`, gateway: value === base ? nextAddress(text) : address };
}

function nextAddress(address: string): string {
  return address.replace(/\d+$/, (last) => String(Number(last) + 1));
}

/** A new endpoint's ID. */
export function newEndpointId(): string {
  return randomBytes(32).toString('hex');
}
