import { randomBytes } from 'node:crypto';
import type { IpamPool } from '../../core/wire/network.ts';
import type { BridgeNetwork } from '../../network/index.ts';
import type { Collection, Database } from '../../storage/index.ts';
import { invalidParameter } from '../../core/errors.ts';
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

/** `IPAM.Config` of a planned bridge. */
export function ipamConfigOf(bridge: BridgeNetwork): IpamPool[] {
  return bridge.subnets.map((s) => ({
    Subnet: s.subnet,
    ...(s.ipRange ? { IPRange: s.ipRange } : {}),
    Gateway: s.gateway,
    ...(s.aux && Object.keys(s.aux).length > 0 ? { AuxiliaryAddresses: { ...s.aux } } : {}),
  }));
}

/** A new endpoint's ID. */
export function newEndpointId(): string {
  return randomBytes(32).toString('hex');
}
