/** A container on one network, as names are concerned. */
export interface NamedEndpoint {
  readonly networkId: string;
  readonly networkName: string;
  /** Every name that resolves to it there. */
  readonly names: readonly string[];
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  /** Names seen only from this container: name to target container's ID. */
  readonly links?: Readonly<Record<string, string>> | undefined;
}

/** Name resolution for one container, and of it. */
export interface ResolverState {
  readonly containerId: string;
  /** Its network namespace. */
  readonly netns: string;
  /** Resolvers that the user named; empty: the host's. */
  readonly servers: readonly string[];
  /** Whether names of the world are its business: it can reach it. */
  readonly forwards: boolean;
  /** Names without a dot are never asked elsewhere (the user has set `ndots`). */
  readonly keepsSingleLabels: boolean;
  /** On networks that resolve names. */
  readonly endpoints: readonly NamedEndpoint[];
}

/** A port of the host, held by a socket so that other programs see it as taken. */
export interface PortSocket {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostIp: string;
  /** 0: the kernel chooses. */
  readonly hostPort: number;
  /** Where to pass on what arrives at the socket; absent: the kernel forwards, and nothing arrives. */
  readonly relay?: { readonly address: string; readonly port: number } | undefined;
}

/**
 * What containers' networks need of a living process: name resolution, sockets that hold published ports, relays. Its work
 * goes on while the daemon is down; `keepOnly` then tells the keeper what is still wanted.
 */
export interface Keeper extends AsyncDisposable {
  /**
   * Opens name resolution inside a container's namespace, or changes what it knows. Gives the ports it listens at there, on
   * 127.0.0.11; `isNew`: they were not open before.
   */
  putResolver(state: ResolverState): Promise<{ readonly udp: number; readonly tcp: number; readonly isNew: boolean }>;
  /** Success means "it is not there". */
  dropResolver(containerId: string): Promise<void>;
  /**
   * Holds a port; the port in effect. One that is held already is passed on to the new target from now on.
   * @throws {SystemCallError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EAFNOSUPPORT`, `EPROTONOSUPPORT`
   */
  hold(port: PortSocket): Promise<number>;
  /** Success means "none of them is held"; connections by way of their relays end. */
  release(ports: readonly PortSocket[]): Promise<void>;
  /** Lets go of everything but this. */
  keepOnly(containerIds: readonly string[], ports: readonly PortSocket[]): Promise<void>;
  /** From now on these firewall tables (of both families) are put back when somebody touches them while the daemon is away. */
  guard(table: string): Promise<void>;
  /** Told when everything was lost, with the process that held it: all of it has to be given anew. */
  onLost: (() => void) | undefined;
}

export const DNS_ADDRESS = '127.0.0.11';
