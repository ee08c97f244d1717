import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Proxies for containers and builds, of one engine or of all (`default`). */
export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

/** `config.json` of the docker CLI: what we heed. Keys that we do not know are kept when it is written. */
export interface ConfigFile {
  readonly auths?: Readonly<Record<string, RegistryAuth & { auth?: string }>>;
  /** A program `docker-credential-NAME` that keeps all credentials. */
  readonly credsStore?: string;
  /** Such programs for single registries. */
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly currentContext?: string;
  readonly detachKeys?: string;
  readonly proxies?: Readonly<Record<string, ProxySettings>>;
  readonly HttpHeaders?: Readonly<Record<string, string>>;
  readonly pruneFilters?: readonly string[];
  readonly psFormat?: string;
  readonly imagesFormat?: string;
  readonly networksFormat?: string;
  readonly volumesFormat?: string;
  readonly statsFormat?: string;
  readonly [key: string]: unknown;
}

/** The folder of the client's files: `$DOCKER_CONFIG`, else `~/.docker`. */
export function configFolder(env: Env): string {
  return env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker');
}

export function configPath(env: Env): string {
  return join(configFolder(env), 'config.json');
}

/** The parsed configuration; empty where there is no file. @throws {Error} naming the file if it is no JSON object */
export function readConfig(env: Env): ConfigFile {
  const path = configPath(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'ENOTDIR') return {};
    throw new Error(`${path}: ${messageOf(e)}`, { cause: e });
  }
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new Error(`${path} is not valid JSON: ${messageOf(e)}`, { cause: e });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${path} does not hold a JSON object`);
  }
  return value as ConfigFile;
}

/** Replaces the file in one step; a link to it stays a link. Only its owner may read it, as it holds credentials. */
export function writeConfig(config: ConfigFile, env: Env): void {
  const path = configPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let target = path;
  try {
    target = realpathSync(path);
  } catch {
    // not there yet
  }
  const partial = `${target}.${process.pid}`;
  try {
    writeFileSync(partial, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600 });
    renameSync(partial, target);
  } catch (e) {
    rmSync(partial, { force: true });
    throw e;
  }
}

/**
 * Proxy variables for a container or build on the engine `host`, in both spellings, without those that are given already.
 * @param given `NAME=value` or `NAME`
 */
export function proxyVariables(config: ConfigFile, host: string, given: readonly string[]): string[] {
  const settings = config.proxies?.[host] ?? config.proxies?.['default'];
  if (settings === undefined) return [];
  const names = new Set(given.map((g) => g.split('=', 1)[0]));
  const pairs = [
    ['HTTP_PROXY', settings.httpProxy],
    ['HTTPS_PROXY', settings.httpsProxy],
    ['NO_PROXY', settings.noProxy],
    ['FTP_PROXY', settings.ftpProxy],
    ['ALL_PROXY', settings.allProxy],
  ] as const;
  return pairs.flatMap(([name, value]) =>
    value ? [name, name.toLowerCase()].filter((n) => !names.has(n)).map((n) => `${n}=${value}`) : [],
  );
}
