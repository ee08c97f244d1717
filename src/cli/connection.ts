import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientOptions } from '../client/index.ts';
import { messageOf } from '../core/errors.ts';
import { configFolder, type ConfigFile, type Env } from './config/config-file.ts';
import { ExitError } from './errors.ts';

export interface ConnectionFlags {
  readonly hosts: readonly string[];
  readonly context?: string | undefined;
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

const DEFAULT_HOST = 'unix:///run/wharf/wharf.sock';
export const DEFAULT_CONTEXT = 'default';

/** The host that the context `default` stands for. */
export function defaultHost(env: Env): string {
  return normalise(env['WHARF_HOST'] || env['DOCKER_HOST'] || DEFAULT_HOST);
}

/** An engine to talk to, by name. */
export interface Endpoint {
  /** `default`, or the name of a context. */
  readonly context: string;
  /** @throws {ExitError} if the context or its files are not there */
  readonly options: () => ClientOptions;
}

/**
 * Which engine: `--host` or `--context`, then `WHARF_HOST`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the context in use, the default
 * socket. Files of contexts are read only when `options` is called, so that a context that is gone hinders nobody who
 * talks to no engine.
 * @throws {ExitError} for flags that contradict each other
 */
export async function endpointOf(flags: ConnectionFlags, env: Env, config: () => ConfigFile): Promise<Endpoint> {
  const [given, another] = flags.hosts;
  if (another !== undefined) throw new ExitError('specify only one -H', 1);
  if (given && flags.context !== undefined) {
    throw new ExitError('conflicting options: cannot specify both --host and --context', 1);
  }
  const name =
    flags.context ||
    (given || env['WHARF_HOST'] || env['DOCKER_HOST']
      ? DEFAULT_CONTEXT
      : env['DOCKER_CONTEXT'] || config().currentContext);
  const common = () => {
    const headers = config().HttpHeaders;
    return { apiVersion: env['DOCKER_API_VERSION'] || undefined, ...(headers === undefined ? {} : { headers }) };
  };
  if (!name || name === DEFAULT_CONTEXT) {
    const host = given ? normalise(given) : flags.context === undefined ? defaultHost(env) : DEFAULT_HOST;
    return { context: DEFAULT_CONTEXT, options: () => ({ ...common(), ...withTls(host, flags, env) }) };
  }
  const contexts = await import('./config/contexts.ts');
  const options = (): ClientOptions => {
    let meta;
    try {
      meta = contexts.readContext(name, env);
    } catch (e) {
      throw new ExitError(`Failed to initialize: unable to resolve docker endpoint: ${messageOf(e)}`, 1, e);
    }
    const { Host = '', SkipTLSVerify = false } = meta.Endpoints.docker ?? {};
    const files = contexts.readTls(name, env);
    const secure = SkipTLSVerify || Object.keys(files).length > 0;
    const host = normalise(Host || DEFAULT_HOST);
    return { ...common(), host, ...(secure && !isLocal(host) ? { tls: { ...files, verify: !SkipTLSVerify } } : {}) };
  };
  return { context: name, options };
}

function withTls(host: string, flags: ConnectionFlags, env: Env): ClientOptions {
  const verify = flags.tlsVerify || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  const secure = verify || flags.tls || (env['DOCKER_TLS'] ?? '') !== '';
  if (!secure || isLocal(host)) return { host };
  const folder = env['DOCKER_CERT_PATH'] || configFolder(env);
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
    tls: {
      verify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  };
}

function isLocal(host: string): boolean {
  return /^(unix|ssh):/.test(host);
}

/** Adds the scheme that people leave out: `/x.sock` and `host:2375`. */
function normalise(host: string): string {
  const text = host.trim();
  if (text.includes('://')) return text;
  return text.startsWith('/') ? `unix://${text}` : `tcp://${text}`;
}
