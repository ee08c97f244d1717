import type { Logger } from '../core/log.ts';
import type { HeldPath, UserNamespaceChoice } from '../linux/index.ts';

export type { UserNamespaceChoice };

export interface NetworksOptions {
  readonly execRoot: string;
  /** Marks this daemon's bridges, tables and namespaces: 4 to 8 characters of a hash of the data root; `''` never. */
  readonly instance: string;
  /** Pools for networks without a subnet: base CIDR and prefix length of each network taken from it. */
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  /** Whether another process of this exec root, which outlives daemons, keeps sockets and answers for names (`serveKeeper`). */
  readonly hasKeeper?: boolean;
  /** Families in which nothing is written into the host's firewall: see `BridgeNetwork`. */
  readonly withoutFirewall?: readonly Family[] | undefined;
  readonly log: Logger;
}

export interface Subnet {
  /** CIDR. */
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange?: string | undefined;
  /** Addresses kept free, by name. */
  readonly aux?: Readonly<Record<string, string>> | undefined;
}

/** Containers hang directly on a device of the host, each by a device of its own with an address of its own there. */
export interface DirectLink {
  readonly driver: 'macvlan' | 'ipvlan';
  /** The host's device. */
  readonly parent: string;
  /** Made for the network, and removed with it: a VLAN of a device, or a bridge that leads nowhere. */
  readonly ownParent?: { readonly vlanOf: string; readonly vlanId: number } | 'bridge';
  /** macvlan: `bridge`, `private`, `vepa`, `passthru`; ipvlan: `l2`, `l3`, `l3s`. */
  readonly mode: string;
  /** ipvlan: `bridge`, `private`, `vepa`. */
  readonly flag?: string;
}

export type Family = 4 | 6;

/** A bridge network, fully decided. The engine keeps it; this part puts it into the kernel. */
export interface BridgeNetwork {
  readonly id: string;
  readonly name: string;
  /** Interface name, at most 15 characters; of a network without a bridge its parent's. */
  readonly bridge: string;
  readonly subnets: readonly Subnet[];
  readonly internal: boolean;
  readonly masquerade: boolean;
  /** Containers on it may talk to each other. */
  readonly icc: boolean;
  readonly mtu: number;
  /** The default network has no name resolution of its own. */
  readonly isDefault: boolean;
  /** Address that published ports bind to when none is given. */
  readonly hostBinding: string;
  /** Ports that are not published can be reached from outside too (not from other bridges): gateway mode nat-unprotected. */
  readonly unprotected?: boolean;
  /** Interfaces of the host from which every port can be reached. */
  readonly trustedInterfaces?: readonly string[];
  /** Addresses of the host that packets of containers get on their way out, instead of the one of the way they take. */
  readonly sourceAddresses?: readonly string[];
  /** What names of interfaces in containers begin with; `eth` if not given. */
  readonly interfacePrefix?: string;
  /** Families without address translation: containers are reached, and seen, at their own addresses (gateway mode routed). */
  readonly routed?: readonly Family[];
  /** Families in which the host has no address on the bridge (gateway mode isolated, inhibit_ipv4). */
  readonly hostless?: readonly Family[];
  /**
   * Families in which the host's firewall is left alone: ports are relayed by a process, nothing is masqueraded or kept out.
   * Set by `Networks`, for all networks alike.
   */
  readonly withoutFirewall?: readonly Family[];
  /** Not a bridge: macvlan or ipvlan. */
  readonly direct?: DirectLink;
}

export interface NetworkRequest {
  readonly id: string;
  readonly name: string;
  readonly isDefault: boolean;
  readonly subnets: readonly {
    readonly subnet?: string | undefined;
    readonly gateway?: string | undefined;
    readonly ipRange?: string | undefined;
    readonly aux?: Readonly<Record<string, string>> | undefined;
  }[];
  readonly internal: boolean;
  /** `bridge` if not given. */
  readonly driver?: 'bridge' | 'macvlan' | 'ipvlan';
  /** `true` if not given. */
  readonly enableIpv4?: boolean;
  readonly enableIpv6: boolean;
  /** `com.docker.network.*` driver options, `parent`, `macvlan_mode`, `ipvlan_mode`, `ipvlan_flag`. */
  readonly options: Readonly<Record<string, string>>;
}

export interface SandboxRequest {
  readonly containerId: string;
  /** Resolvers for names that are not ours; empty: the host's. */
  readonly dns: readonly string[];
  /** Whether names without a dot are left to the search list: the user has set `ndots`. */
  readonly keepsSingleLabels?: boolean;
}

/** A namespace of a container with mapped users. */
export interface OwnedSandbox {
  readonly path: string;
  /** The user namespace that it belongs to, as long as this is held. */
  readonly userNamespace: HeldPath;
}

export interface EndpointRequest {
  readonly containerId: string;
  readonly endpointId: string;
  readonly networkId: string;
  /** Static address asked for. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly mac?: string | undefined;
  /** Every name that resolves to this endpoint on its network: container name, aliases, short ID, hostname. */
  readonly names: readonly string[];
  /** Names seen only from this container (links): name to target container's ID. */
  readonly links?: Readonly<Record<string, string>> | undefined;
  /** Whether this endpoint gives the default route. */
  readonly gateway: boolean;
  /** Driver options: `com.docker.network.endpoint.ifname`, `.sysctls`. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

/** One container's attachment to one network, as the kernel has it. The engine keeps it for `recover`. */
export interface Endpoint {
  readonly request: EndpointRequest;
  readonly ifname: string;
  /** `''` where there is none (macvlan, ipvlan). */
  readonly hostVeth: string;
  /** `''`: that of the host's device (ipvlan). */
  readonly mac: string;
  /** `''` on a network without IPv4; `prefixLength` is 0 then, and `gateway` `''`. */
  readonly ipv4: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly ipv6?: string | undefined;
  readonly ipv6PrefixLength?: number | undefined;
  readonly ipv6Gateway?: string | undefined;
}

export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** `''`: the network's host binding. */
  readonly hostIp: string;
  /** 0: any free one. `[from, to]`: the first free one. */
  readonly hostPort: number | readonly [from: number, to: number];
}
/** A port of a neighbour, at its IPv4 address. */
export interface AllowedWay {
  readonly address: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
}
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostIp: string;
  /** 0: none; the port can be reached at the container's own address (gateway mode routed). */
  readonly hostPort: number;
}

/** A sandbox as the engine remembers it, given back after a restart of the daemon. */
export interface SandboxRecord {
  readonly request: SandboxRequest;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PublishedPort[];
}

/**
 * Networks in the kernel: bridges, namespaces, veth pairs, addresses, firewall rules, name resolution. Keeps nothing on disk:
 * the engine remembers, and hands back with `recover` what should be there; everything else that carries this instance's mark
 * is removed then.
 */
export interface Networks extends AsyncDisposable {
  /**
   * Decides subnet, gateway, bridge name and options of a new network, without touching the kernel. `others` are all networks
   * that exist; host routes are avoided too.
   * @throws {WharfError} `POOL_OVERLAP`, `POOLS_EXHAUSTED`, `INVALID_PARAMETER`
   */
  plan(request: NetworkRequest, others: readonly BridgeNetwork[]): Promise<BridgeNetwork>;
  /**
   * Whether the host by now has addresses in this network or routes to it that are not of this engine (another engine's
   * bridge, a VPN): a network nobody is on can then be planned anew.
   */
  conflicts(network: BridgeNetwork): boolean;
  /** Makes the bridge and its rules. Idempotent. */
  openNetwork(network: BridgeNetwork): Promise<void>;
  /** Success means "it is not there". */
  removeNetwork(networkId: string): Promise<void>;
  /** A network namespace with lo up, and nothing else. `path` can be given to an OCI runtime. */
  openSandbox(request: SandboxRequest): Promise<{ readonly path: string }>;
  /** The same for a container with mapped users: it belongs to a user namespace, a new one or one that is there. */
  openOwnedSandbox(request: SandboxRequest, owner: UserNamespaceChoice): Promise<OwnedSandbox>;
  /** Where a container's namespace is, if it is open. */
  sandboxPath(containerId: string): string | undefined;
  /** @throws {WharfError} `ADDRESS_IN_USE`, `ADDRESSES_EXHAUSTED`, `INVALID_PARAMETER`; nothing is left then */
  attach(request: EndpointRequest): Promise<Endpoint>;
  detach(containerId: string, networkId: string): Promise<void>;
  /** Gives the default route to the endpoint on this network. Success means "it has it, and no other one". */
  moveGateway(containerId: string, networkId: string): void;
  /** The names of an endpoint after a rename of its container; in force at once. */
  rename(containerId: string, networkId: string, names: readonly string[]): Promise<void>;
  /**
   * Publishes ports of a container by way of one of its networks; all or none.
   * @throws {WharfError} `PORT_TAKEN`: `Bind for 0.0.0.0:80 failed: port is already allocated` (ours), or
   * `failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use by nginx (pid 7)` (somebody else's)
   */
  publish(containerId: string, networkId: string, ports: readonly PortRequest[]): Promise<readonly PublishedPort[]>;
  unpublish(containerId: string): Promise<void>;
  /**
   * Lets a container reach ports of neighbours on a network that otherwise keeps its containers apart (`icc: false`); in place
   * of what it was let reach before. In force until its sandbox is closed, and for `recover` to be said again.
   */
  allow(containerId: string, networkId: string, ways: readonly AllowedWay[]): void;
  /** Takes all away: ports, endpoints, namespace. Idempotent, goes on past failures and reports them together. */
  closeSandbox(containerId: string): Promise<void>;
  /** After a start of the daemon: takes up what runs, removes what is not listed. */
  recover(networks: readonly BridgeNetwork[], sandboxes: readonly SandboxRecord[]): Promise<void>;
  /** What on this host keeps containers from the network though all is well here, each with what mends it. */
  warnings(): readonly string[];
  /** Text of a container's resolv.conf. `ownDns`: name resolution at 127.0.0.11 (user networks). */
  resolvConf(options: {
    readonly ownDns: boolean;
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  }): string;
}
