import { defineError } from '../core/errors.ts';

export const poolOverlap = defineError(
  'POOL_OVERLAP',
  'forbidden',
  (_: object) => 'invalid pool request: Pool overlaps with other one on this address space',
);

export const poolsExhausted = defineError(
  'POOLS_EXHAUSTED',
  'invalid',
  (_: object) => 'all predefined address pools have been fully subnetted',
);

export const addressInUse = defineError('ADDRESS_IN_USE', 'forbidden', (_: object) => 'Address already in use');

export const addressesExhausted = defineError(
  'ADDRESSES_EXHAUSTED',
  'forbidden',
  (f: { family: 4 | 6; network: string; subnet: string }) =>
    `no available IPv${f.family} addresses on this network's address pools: ${f.network} (${f.subnet})`,
);

/** `by`: another container of this engine, or a program of the host; `holder`: which one, as `name (pid N)`. */
export const portTaken = defineError(
  'PORT_TAKEN',
  'internal',
  (f: {
    by: 'container' | 'host';
    hostIp: string;
    hostPort: number;
    container: string;
    protocol: string;
    holder?: string | undefined;
  }) =>
    f.by === 'container'
      ? `Bind for ${bracketed(f.hostIp)}:${f.hostPort} failed: port is already allocated`
      : `failed to bind host port for ${bracketed(f.hostIp)}:${f.hostPort}:${f.container}/${f.protocol}: address already in use${f.holder === undefined ? '' : ` by ${f.holder}`}`,
);

export const portsExhausted = defineError(
  'PORTS_EXHAUSTED',
  'internal',
  (f: { hostIp: string; from: number; to: number }) =>
    `Bind for ${bracketed(f.hostIp)}:${f.from}-${f.to} failed: all ports in the range are allocated`,
);

export const hostAddressMissing = defineError(
  'HOST_ADDRESS_MISSING',
  'internal',
  (f: { hostIp: string; hostPort: number; container: string; protocol: string }) =>
    `failed to bind host port for ${bracketed(f.hostIp)}:${f.hostPort}:${f.container}/${f.protocol}: cannot assign requested address`,
);

export const networkNotOpen = defineError(
  'NETWORK_NOT_OPEN',
  'notFound',
  (f: { networkId: string }) => `network ${f.networkId} not found`,
);

export const sandboxNotOpen = defineError(
  'SANDBOX_NOT_OPEN',
  'internal',
  (f: { containerId: string }) => `container ${f.containerId} has no network namespace`,
);

export const alreadyAttached = defineError(
  'ALREADY_ATTACHED',
  'forbidden',
  (f: { network: string }) => `container is already attached to network ${f.network}`,
);

export const networkNotPossible = defineError(
  'NETWORK_NOT_POSSIBLE',
  'forbidden',
  (f: { message: string }) => f.message,
);

export const keeperLost = defineError(
  'KEEPER_LOST',
  'internal',
  (f: { reason: string }) => `the process that keeps the sockets of containers does not answer: ${f.reason}`,
);

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
