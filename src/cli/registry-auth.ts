import { DEFAULT_REGISTRY } from '../core/reference.ts';
import type { RegistryAuth } from '../core/wire/resources.ts';
import { readConfig, writeConfig, type ConfigFile, type Env } from './config/config-file.ts';

const HUB_KEY = 'https://index.docker.io/v1/';
/** The user name under which a credential helper keeps an identity token. */
const TOKEN_USER = '<token>';

/** The key of a registry in `auths`. */
export function authKey(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === '' || host === DEFAULT_REGISTRY || host === 'index.docker.io' ? HUB_KEY : host;
}

/** Credentials for a registry, if there are any: from its helper, the general store, or the file. */
export async function authFor(registry: string, env: Env): Promise<RegistryAuth | undefined> {
  const config = readConfig(env);
  const key = authKey(registry);
  const helper = helperOf(key, config);
  if (helper !== undefined) return fromHelper(helper, key);
  const { auths = {} } = config;
  const found = auths[key] ?? Object.entries(auths).find(([k]) => authKey(k) === key)?.[1];
  return found === undefined ? undefined : decoded(key, found);
}

/** All credentials, as `X-Registry-Config` carries them. */
export async function allAuths(env: Env): Promise<Record<string, RegistryAuth>> {
  const config = readConfig(env);
  const all: Record<string, RegistryAuth> = {};
  for (const [key, auth] of Object.entries(config.auths ?? {})) {
    if (helperOf(authKey(key), config) === undefined) all[key] = decoded(key, auth);
  }
  const keep = async (helper: string, key: string) => {
    const auth = await fromHelper(helper, key).catch(() => undefined);
    if (auth !== undefined) all[key] = auth;
  };
  if (config.credsStore) {
    const { listSecrets } = await import('./config/credential-helper.ts');
    const servers = await listSecrets(config.credsStore).catch(() => ({}));
    for (const server of Object.keys(servers)) await keep(config.credsStore, server);
  }
  for (const [server, helper] of Object.entries(config.credHelpers ?? {})) await keep(helper, server);
  return all;
}

/**
 * Remembers credentials where the configuration wants them.
 * @returns the file that they now lie in unencrypted, `undefined` if a helper keeps them
 */
export async function saveAuth(key: string, auth: RegistryAuth, env: Env): Promise<'file' | 'helper'> {
  const config = readConfig(env);
  const { username = '', password = '', identitytoken } = auth;
  const helper = helperOf(key, config);
  if (helper !== undefined) {
    const { storeSecret } = await import('./config/credential-helper.ts');
    await storeSecret(helper, key, identitytoken ? TOKEN_USER : username, identitytoken || password);
    writeConfig({ ...config, auths: { ...config.auths, [key]: {} } }, env);
    return 'helper';
  }
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const entry = identitytoken ? { auth: '', identitytoken } : { auth: basic };
  writeConfig({ ...config, auths: { ...config.auths, [key]: entry } }, env);
  return 'file';
}

/** Forgets credentials. @returns whether there were any */
export async function eraseAuth(key: string, env: Env): Promise<boolean> {
  const config = readConfig(env);
  const kept = Object.entries(config.auths ?? {}).filter(([k]) => authKey(k) !== key);
  const helper = helperOf(key, config);
  let had = kept.length < Object.keys(config.auths ?? {}).length;
  if (helper !== undefined) {
    const { eraseSecret, getSecret } = await import('./config/credential-helper.ts');
    had ||= (await getSecret(helper, key)) !== undefined;
    await eraseSecret(helper, key);
  }
  if (kept.length < Object.keys(config.auths ?? {}).length) {
    writeConfig({ ...config, auths: Object.fromEntries(kept) }, env);
  }
  return had;
}

function helperOf(key: string, { credHelpers = {}, credsStore }: ConfigFile): string | undefined {
  return (
    credHelpers[key] ?? Object.entries(credHelpers).find(([k]) => authKey(k) === key)?.[1] ?? (credsStore || undefined)
  );
}

async function fromHelper(helper: string, key: string): Promise<RegistryAuth | undefined> {
  const { getSecret } = await import('./config/credential-helper.ts');
  const found = await getSecret(helper, key);
  if (found === undefined) return undefined;
  return found.Username === TOKEN_USER
    ? { identitytoken: found.Secret ?? '', serveraddress: key }
    : { username: found.Username ?? '', password: found.Secret ?? '', serveraddress: key };
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
