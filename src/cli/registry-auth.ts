import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_REGISTRY } from '../core/reference.ts';
import type { RegistryAuth } from '../core/wire/resources.ts';

type Env = Readonly<Record<string, string | undefined>>;

interface ConfigFile {
  auths?: Record<string, RegistryAuth & { auth?: string }>;
  [key: string]: unknown;
}

const HUB_KEY = 'https://index.docker.io/v1/';

/** The file that holds credentials: `$DOCKER_CONFIG/config.json`, else below the home directory. */
export function configPath(env: Env): string {
  return join(env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
}

/** The parsed configuration; empty where there is no file. @throws {Error} naming the file if it is no JSON */
export async function readConfig(env: Env): Promise<ConfigFile> {
  const path = configPath(env);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return {};
  }
  try {
    return JSON.parse(text) as ConfigFile;
  } catch (e) {
    throw new Error(`${path} is not valid JSON: ${(e as Error).message}`, { cause: e });
  }
}

/** The key of a registry in `auths`. */
export function authKey(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === '' || host === DEFAULT_REGISTRY || host === 'index.docker.io' ? HUB_KEY : host;
}

/** Credentials for a registry, if there are any. */
export async function authFor(registry: string, env: Env): Promise<RegistryAuth | undefined> {
  const { auths = {} } = await readConfig(env);
  const key = authKey(registry);
  const found = auths[key] ?? Object.entries(auths).find(([k]) => authKey(k) === key)?.[1];
  return found === undefined ? undefined : decoded(key, found);
}

/** All credentials, as `X-Registry-Config` carries them. */
export async function allAuths(env: Env): Promise<Record<string, RegistryAuth>> {
  const { auths = {} } = await readConfig(env);
  return Object.fromEntries(Object.entries(auths).map(([key, auth]) => [key, decoded(key, auth)]));
}

function decoded(key: string, auth: RegistryAuth): RegistryAuth {
  if (auth.auth === undefined || auth.auth === '') return { ...auth, serveraddress: key };
  const text = Buffer.from(auth.auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const { auth: _, ...rest } = auth;
  return {
    ...rest,
    username: text.slice(0, colon),
    password: text.slice(colon + 1).replace(/\0+$/, ''),
    serveraddress: key,
  };
}
