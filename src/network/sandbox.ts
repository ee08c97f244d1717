import { invalidParameter } from '../core/errors.ts';
import { findAddress } from './addresses.ts';
import type { Endpoint, PortRequest, SandboxRequest } from './contract.ts';
import type { Forwarder } from './dns/forward.ts';
import type { NamedNetwork } from './dns/names.ts';
import { namesFor } from './dns/names.ts';
import { DnsServer } from './dns/server.ts';
import type { Forward } from './firewall.ts';
import type { HeldPorts } from './port-holder.ts';
import { hostResolvConf } from './resolv-conf.ts';

/** Ports of a container that were published together. Disposing takes them back. */
export interface Publication extends AsyncDisposable {
  readonly networkId: string;
  readonly held: HeldPorts;
  readonly forwards: readonly Forward[];
}

/** A container's network namespace, and what is in it. */
export interface Sandbox {
  readonly request: SandboxRequest;
  readonly path: string;
  /** By network. */
  readonly endpoints: Map<string, Endpoint>;
  readonly publications: Set<Publication>;
  /** Name resolution: while it is on a network of a user. */
  dns: Promise<DnsServer> | undefined;
}

export function emptySandbox(request: SandboxRequest, path: string): Sandbox {
  return { request, path, endpoints: new Map(), publications: new Set(), dns: undefined };
}

/** Opens name resolution in a sandbox, unless it is open. @param networks those the container is on when it asks */
export async function openDns(
  sandbox: Sandbox,
  networks: () => readonly NamedNetwork[],
  forwarder: Forwarder,
): Promise<void> {
  const { containerId, dns } = sandbox.request;
  const opening = (sandbox.dns ??= DnsServer.open(sandbox.path, {
    names: namesFor(containerId, networks),
    forwarder,
    upstreams: () => {
      // A server that the user named is where the container would find it: perhaps a container itself.
      if (dns.length > 0) return { servers: dns, netns: sandbox.path };
      // Names of the world are no business of a container that cannot reach it.
      if (networks().every((n) => n.network.internal)) return { servers: [], netns: undefined };
      return { servers: hostResolvConf().servers, netns: undefined };
    },
  }));
  try {
    await opening;
  } catch (error) {
    if (sandbox.dns === opening) sandbox.dns = undefined;
    throw error;
  }
}

export async function closeDns(sandbox: Sandbox): Promise<void> {
  const opened = sandbox.dns;
  sandbox.dns = undefined;
  await (await opened)?.[Symbol.asyncDispose]();
}

/** @throws {WharfError} `INVALID_PARAMETER` */
export function checkPort({ containerPort, hostPort, hostIp }: PortRequest): void {
  const numbers = typeof hostPort === 'number' ? [hostPort] : hostPort;
  const valid = (port: number, least: number) => Number.isInteger(port) && port >= least && port <= 65535;
  if (!valid(containerPort, 1)) throw invalidParameter({ message: `invalid containerPort: ${containerPort}` });
  for (const port of numbers) {
    if (!valid(port, 0)) throw invalidParameter({ message: `invalid hostPort: ${port}` });
  }
  if (hostIp !== '' && findAddress(hostIp.replace(/^\[(.*)\]$/, '$1')) === undefined) {
    throw invalidParameter({ message: `invalid IP address: ${hostIp}` });
  }
}
