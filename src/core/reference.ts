import { defineError } from './errors.ts';
import type { Digest } from './digest.ts';
import { isDigest } from './digest.ts';

/**
 * Names of images: what people type (`ubuntu:14.04`, `localhost:5000/a/b@sha256:…`) and what it means.
 * Grammar: distribution/reference; familiar names get `docker.io` and `library/`.
 */
export interface Reference {
  /** Registry host with optional port. */
  readonly registry: string;
  /** Path within the registry, `library/ubuntu`. */
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

export const invalidReference = defineError(
  'INVALID_REFERENCE',
  'invalid',
  (f: { text: string; why?: string }) => f.why ?? `invalid reference format`,
);

export const DEFAULT_REGISTRY = 'docker.io';
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const HOST =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const HEX_64 = /^[a-f0-9]{64}$/;
const TAG = /^[\w][\w.-]{0,127}$/;

/**
 * Reads an image name without adding a tag: `ubuntu` has neither tag nor digest.
 * @throws {WharfError} `INVALID_REFERENCE`
 */
export function parseReference(text: string): Reference {
  if (HEX_64.test(text)) {
    throw invalidReference({
      text,
      why: `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    });
  }
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const d = rest.slice(at + 1);
    if (!isDigest(d)) throw invalidReference({ text });
    digest = d;
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    if (!TAG.test(tag)) throw invalidReference({ text });
    rest = rest.slice(0, colon);
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  let registry = DEFAULT_REGISTRY;
  let repository = rest;
  if (
    first !== '' &&
    (first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase())
  ) {
    registry = first === 'index.docker.io' ? DEFAULT_REGISTRY : first;
    repository = rest.slice(slash + 1);
  }
  const path = repository.split(':', 1)[0] ?? '';
  if (path !== path.toLowerCase()) {
    const full = registry === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path;
    throw invalidReference({ text, why: `invalid reference format: repository name (${full}) must be lowercase` });
  }
  const parts = repository.split('/');
  if (!HOST.test(registry) || !parts.every((p) => COMPONENT.test(p))) throw invalidReference({ text });
  if (registry === DEFAULT_REGISTRY && parts.length === 1) repository = `library/${repository}`;
  if (repository.length > 255) {
    throw invalidReference({ text, why: 'repository name must not be more than 255 characters' });
  }
  return { registry, repository, tag, digest };
}

/** The same reference with tag `latest` if it has neither tag nor digest. */
export function withDefaultTag(ref: Reference): Reference {
  return ref.tag === undefined && ref.digest === undefined ? { ...ref, tag: 'latest' } : ref;
}

/** `registry/repository` in the short spelling: without `docker.io/` and `library/`, as far as that means the same. */
export function familiarName({ registry, repository }: Reference): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${repository}`;
  const [first = '', second, ...more] = repository.split('/');
  if (first === 'library' && second !== undefined && more.length === 0) {
    return HEX_64.test(second) ? repository : second;
  }
  // What looks like a registry would be taken for one.
  return first.includes('.') || first === 'localhost' ? `${registry}/${repository}` : repository;
}

/** The short spelling, with tag and digest as far as there are any: `ubuntu:14.04`. */
export function familiar(ref: Reference): string {
  return `${familiarName(ref)}${ref.tag === undefined ? '' : `:${ref.tag}`}${ref.digest === undefined ? '' : `@${ref.digest}`}`;
}

/** The full spelling: `docker.io/library/ubuntu:14.04`. */
export function canonical(ref: Reference): string {
  return `${ref.registry}/${ref.repository}${ref.tag === undefined ? '' : `:${ref.tag}`}${ref.digest === undefined ? '' : `@${ref.digest}`}`;
}
