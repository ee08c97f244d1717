import type { RegistryAuth } from '../core/wire/resources.ts';
import type { Challenge } from './challenge.ts';
import { parseChallenges } from './challenge.ts';
import { registryUnauthorized } from './errors.ts';
import { bodyOf, type Http } from './http.ts';

/** Shortest life of a token that does not tell (distribution's token specification), in milliseconds. */
const MIN_LIFE_MS = 60_000;
const CLIENT = 'wharf';

/** Answers a registry's challenges: basic credentials, or bearer tokens for the scopes that are needed. */
export class Authenticator {
  readonly #http: Http;
  readonly #credentials: { readonly username: string; readonly password: string } | undefined;
  readonly #identityToken: string | undefined;
  readonly #registryToken: string | undefined;
  readonly #tokens = new Map<string, { readonly token: string; readonly until: number }>();
  #challenge: Challenge | undefined;

  constructor(http: Http, auth: RegistryAuth | undefined) {
    this.#http = http;
    this.#credentials = credentialsOf(auth);
    this.#identityToken = auth?.identitytoken === '' ? undefined : auth?.identitytoken;
    this.#registryToken = auth?.registrytoken === '' ? undefined : auth?.registrytoken;
  }

  /** The Authorization header for a scope, as far as the registry has said what it wants. */
  async header(scope: string, signal: AbortSignal): Promise<Record<string, string>> {
    if (this.#registryToken !== undefined) return { authorization: `Bearer ${this.#registryToken}` };
    if (this.#challenge === undefined) return {};
    if (this.#challenge.scheme === 'basic') {
      return this.#credentials ? { authorization: basic(this.#credentials) } : {};
    }
    return { authorization: `Bearer ${await this.#token(this.#challenge, scope, signal)}` };
  }

  /** Takes note of a 401. `false`: there is nothing new to try. */
  learn(header: string | undefined, scope: string): boolean {
    const challenges = parseChallenges(header ?? '');
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined,
    );
    const chosen = bearer ?? challenges.find(({ scheme }) => scheme === 'basic');
    if (!chosen || (chosen.scheme === 'basic' && !this.#credentials)) return false;
    this.#challenge = chosen;
    this.#tokens.delete(scope);
    return true;
  }

  async #token({ parameters }: Challenge, scope: string, signal: AbortSignal): Promise<string> {
    const known = this.#tokens.get(scope);
    if (known && known.until > Date.now()) return known.token;
    const realm = parameters['realm'] ?? '';
    const service = parameters['service'] ?? '';
    let answer =
      this.#identityToken === undefined
        ? await this.#askByGet(realm, service, scope, signal)
        : await this.#askByPost(realm, service, scope, this.#identityToken, signal);
    if (this.#identityToken !== undefined && (answer.statusCode === 404 || answer.statusCode === 405)) {
      answer.resume(); // servers from before OAuth know only GET
      answer = await this.#askByGet(realm, service, scope, signal);
    }
    const body = await bodyOf(answer);
    if (answer.statusCode !== 200) {
      const denied = answer.statusCode === 401 || answer.statusCode === 403;
      throw registryUnauthorized({
        why: denied ? 'unauthorized: incorrect username or password' : `failed to fetch a token: ${answer.statusCode}`,
      });
    }
    const document = documentOf(body);
    const token = document.token ?? document.access_token;
    if (token === undefined)
      throw registryUnauthorized({ why: 'authorization server did not include a token in the response' });
    const life = Math.max(MIN_LIFE_MS, (document.expires_in ?? 0) * 1000);
    this.#tokens.set(scope, { token, until: Date.now() + life * 0.9 });
    return token;
  }

  /** A token that outlives passwords, if the token server gives one out; empty otherwise. */
  async refreshToken(signal: AbortSignal): Promise<string> {
    if (this.#challenge?.scheme !== 'bearer' || !this.#credentials) return '';
    const { realm = '', service = '' } = this.#challenge.parameters;
    const answer = await this.#askByGet(realm, service, '', signal, true);
    const body = await bodyOf(answer);
    return answer.statusCode === 200 ? (documentOf(body).refresh_token ?? '') : '';
  }

  #askByGet(realm: string, service: string, scope: string, signal: AbortSignal, offline = false) {
    if (!URL.canParse(realm))
      throw registryUnauthorized({ why: `the registry names no place to authenticate: "${realm}"` });
    const url = new URL(realm);
    if (offline) url.searchParams.set('offline_token', 'true');
    url.searchParams.set('service', service);
    for (const one of scope.split(' ')) if (one !== '') url.searchParams.append('scope', one);
    if (this.#credentials) url.searchParams.set('account', this.#credentials.username);
    url.searchParams.set('client_id', CLIENT);
    const headers = this.#credentials ? { authorization: basic(this.#credentials) } : {};
    return this.#http.send(url.href, { headers, signal });
  }

  #askByPost(realm: string, service: string, scope: string, refreshToken: string, signal: AbortSignal) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service,
      scope,
      client_id: CLIENT,
      refresh_token: refreshToken,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#http.send(realm, { method: 'POST', headers, body: Buffer.from(form.toString()), signal });
  }
}

function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function credentialsOf(auth: RegistryAuth | undefined) {
  if (auth?.username !== undefined && auth.username !== '') {
    return { username: auth.username, password: auth.password ?? '' };
  }
  const [username = '', ...rest] = Buffer.from(auth?.auth ?? '', 'base64')
    .toString()
    .split(':');
  return username === '' ? undefined : { username, password: rest.join(':') };
}

interface TokenDocument {
  readonly token?: string;
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly expires_in?: number;
}
function documentOf(body: Buffer): TokenDocument {
  try {
    const document = JSON.parse(body.toString()) as TokenDocument | null;
    if (document !== null) return document;
  } catch {
    // said below
  }
  throw registryUnauthorized({ why: 'the authorization server did not answer with JSON' });
}
