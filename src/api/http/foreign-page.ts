import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { foreignHost, foreignOrigin } from '../errors.ts';

/**
 * Refuses what a web page in somebody's browser asks of the API behind his back. No client of the API sends `Origin`, browsers
 * do with everything that changes something: it must be the very place that is asked. A page whose name was made to lead to
 * 127.0.0.1 (DNS rebinding) is its own origin, but names itself in `Host`: without TLS, connections over loopback must name
 * this machine. Elsewhere nobody knows what this machine is called.
 * @throws {WharfError} `FOREIGN_ORIGIN`, `FOREIGN_HOST`
 */
export function refuseForeignPage({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): void {
  const { origin, host = '' } = headers;
  if (origin !== undefined && originHost(origin) !== host.toLowerCase()) throw foreignOrigin({ origin });
  if (!isLoopback(socket.localAddress) || (socket as Partial<TLSSocket>).encrypted === true) return;
  if (!isThisMachine(host)) throw foreignHost({ host });
}

/** @returns `undefined` for `null` and what is no origin */
function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/@]+)$/i.exec(origin)?.[1]?.toLowerCase();
}

/** @param address of our end; a unix socket has none */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}

/** An address can be asked for by no other name; a name must be ours. */
function isThisMachine(host: string): boolean {
  if (host === '') return true; // HTTP/1.0: no browser
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (/^\[[0-9a-f:.]+\]$/.test(name) || /^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return true;
  return name === 'localhost' || name.endsWith('.localhost') || name === hostname().toLowerCase() || name === 'docker';
}
