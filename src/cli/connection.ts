import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClientOptions } from '../client/index.ts';
import { messageOf } from '../core/errors.ts';
import { ExitError } from './errors.ts';

export interface ConnectionFlags {
  readonly hosts: readonly string[];
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

const DEFAULT_HOST = 'unix:///run/wharf/wharf.sock';

/** Which engine to talk to: the flag, then `WHARF_HOST`, then `DOCKER_HOST`, then the default socket. */
export function connectionOf(flags: ConnectionFlags, env: Readonly<Record<string, string | undefined>>): ClientOptions {
  if (flags.hosts.length > 1) throw new ExitError('specify only one -H', 1);
  const host = normalise(flags.hosts[0] || env['WHARF_HOST'] || env['DOCKER_HOST'] || DEFAULT_HOST);
  const apiVersion = env['DOCKER_API_VERSION'] || undefined;
  const verify = flags.tlsVerify || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  const secure = verify || flags.tls || (env['DOCKER_TLS'] ?? '') !== '';
  if (!secure || host.startsWith('unix:')) return { host, apiVersion };
  const folder = env['DOCKER_CERT_PATH'] || env['DOCKER_CONFIG'] || join(homedir(), '.docker');
  const pem = (given: string | undefined, name: string) => {
    const path = given ?? join(folder, name);
    try {
      return readFileSync(path, 'utf8');
    } catch (e) {
      if (given === undefined && !verify) return undefined;
      throw new ExitError(`could not read ${name} for TLS: ${messageOf(e)}`, 1, e);
    }
  };
  const ca = pem(flags.tlsCa, 'ca.pem');
  const cert = pem(flags.tlsCert, 'cert.pem');
  const key = pem(flags.tlsKey, 'key.pem');
  return {
    host,
    apiVersion,
    tls: {
      verify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  };
}

/** Adds the scheme that people leave out: `/x.sock` and `host:2375`. */
function normalise(host: string): string {
  const text = host.trim();
  if (text.includes('://')) return text;
  return text.startsWith('/') ? `unix://${text}` : `tcp://${text}`;
}
