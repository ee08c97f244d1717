import { defineError } from '../core/errors.ts';

/** Nobody answers there; `why` in the words that Docker's users know. */
export const registryUnreachable = defineError(
  'REGISTRY_UNREACHABLE',
  'internal',
  (f: { method: string; url: string; why: string }) => `${f.method} "${f.url}": ${f.why}`,
);
export const registryRefused = defineError('REGISTRY_REFUSED', 'internal', (f: { why: string }) => f.why);
export const registryUnauthorized = defineError('REGISTRY_UNAUTHORIZED', 'unauthorized', (f: { why: string }) => f.why);
export const registryNotFound = defineError('REGISTRY_NOT_FOUND', 'notFound', (f: { why: string }) => f.why);
export const blobMismatch = defineError(
  'BLOB_MISMATCH',
  'internal',
  (f: { digest: string }) => `filesystem layer verification failed for digest ${f.digest}`,
);
export const brokenOff = defineError(
  'DOWNLOAD_BROKEN_OFF',
  'internal',
  (f: { what: string; at: number }) =>
    `the download of ${f.what} broke off at byte ${f.at}, and five attempts in a row brought no more`,
);
export const badManifest = defineError('BAD_MANIFEST', 'internal', (f: { why: string }) => f.why);
/** A registry of one's own cannot be started that way. */
export const badRegistryOption = defineError('BAD_REGISTRY_OPTION', 'invalid', (f: { why: string }) => f.why);
