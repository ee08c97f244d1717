import { invalidParameter } from '../../core/errors.ts';
import type { Platform } from '../../core/platform.ts';
import { DEFAULT_REGISTRY, parseReference, type Reference } from '../../core/reference.ts';
import type { RegistryAuth } from '../../core/wire/resources.ts';
import {
  checkCredentials,
  type EndpointOptions,
  readRegistry,
  type RegistryClient,
  searchRegistry,
} from '../../registry/index.ts';
import type { Filters } from '../contract.ts';
import { checkFilters, flagFilter } from './filters.ts';
import { configOf, explained, manifestDocument, MAX_CONFIG } from './pull.ts';

/** `GET /distribution/NAME/json`: what a registry has under a name, without pulling it. */
export interface DistributionInspect {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Platforms: readonly Platform[];
  /** Wharf's own additions: the manifest or index itself, and its bytes in base64. */
  readonly Manifest: unknown;
  readonly Raw: string;
}
export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

/** @throws {WharfError} `PULL_FAILED`, `REGISTRY_UNREACHABLE`, `INVALID_REFERENCE` */
export async function inspectRemote(
  options: EndpointOptions,
  name: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<DistributionInspect> {
  const reference = parseReference(name);
  const ask = { ...options, auth, actions: 'pull', signal, onMirrorFailed: () => undefined } as const;
  return readRegistry(reference.registry, reference.repository, ask, (client) => inspectFrom(client, reference));
}

async function inspectFrom(client: RegistryClient, reference: Reference): Promise<DistributionInspect> {
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const { bytes, mediaType, digest } = await explained(reference, () => client.manifest(wanted));
  const Descriptor = { mediaType, digest, size: bytes.length };
  const document = manifestDocument({ bytes, mediaType });
  const found = { Descriptor, Manifest: document, Raw: bytes.toString('base64') };
  if (document.manifests) return { ...found, Platforms: document.manifests.flatMap(({ platform }) => platform ?? []) };
  if (!document.config || document.config.size > MAX_CONFIG) return { ...found, Platforms: [] };
  const pieces: Buffer[] = [];
  for await (const piece of client.blob(document.config.digest, { sizeBytes: document.config.size }))
    pieces.push(piece);
  const config = configOf(Buffer.concat(pieces).toString());
  const { architecture, os, variant, 'os.version': version, 'os.features': features } = config;
  const platform = {
    architecture,
    os,
    ...(version !== undefined && { 'os.version': version }),
    ...(features !== undefined && { 'os.features': features }),
    ...(variant !== undefined && { variant }),
  };
  return { ...found, Platforms: architecture && os ? [platform] : [] };
}

/** `POST /auth`: tries credentials at their registry. Gives the token to keep instead of the password, if there is one. */
export async function tryLogin(options: EndpointOptions, auth: RegistryAuth, signal: AbortSignal): Promise<string> {
  const address = (auth.serveraddress ?? '').replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const registry = address === '' || address === 'index.docker.io' ? DEFAULT_REGISTRY : address;
  return checkCredentials(registry, { ...options, auth, signal });
}

/** `GET /images/search`: `TERM`, or `REGISTRY/TERM`. */
export async function searchImages(
  options: EndpointOptions,
  request: {
    readonly term: string;
    readonly limit: number;
    readonly filters: Filters;
    readonly auth: RegistryAuth | undefined;
  },
  signal: AbortSignal,
): Promise<SearchResult[]> {
  const { term, limit, filters, auth } = request;
  if (term === '') throw invalidParameter({ message: 'a search term is needed' });
  if (limit < 0 || limit > 100) {
    throw invalidParameter({ message: `Limit ${limit} is outside the range of [1, 100]` });
  }
  checkFilters(filters, ['is-automated', 'is-official', 'stars']);
  const official = flagFilter(filters, 'is-official');
  const automated = flagFilter(filters, 'is-automated');
  const stars = (filters['stars'] ?? []).map((text) => {
    if (!/^\d+$/.test(text)) throw invalidParameter({ message: `invalid filter 'stars=${text}'` });
    return Number(text);
  });
  const slash = term.indexOf('/');
  const first = slash < 0 ? '' : term.slice(0, slash);
  const own = /[.:]/.test(first) || first === 'localhost';
  const registry = own && first !== 'docker.io' ? first : DEFAULT_REGISTRY;
  const words = (own ? term.slice(slash + 1) : term).replace(/^library\//, '');
  const results = await searchRegistry(registry, words, limit === 0 ? 25 : limit, { ...options, auth, signal });
  return results.filter(
    (r) =>
      (official === undefined || r.is_official === official) &&
      (automated === undefined || r.is_automated === automated) &&
      stars.every((least) => r.star_count >= least),
  );
}
