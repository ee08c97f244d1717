import { defineError } from '../core/errors.ts';

/** The engine's own answer to a request that failed; `message` is its text, unchanged. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message.trim());
    this.status = status;
  }
}

export const cannotConnect = defineError(
  'CANNOT_CONNECT',
  'unavailable',
  (f: { host: string }) => `Cannot connect to the Docker daemon at ${f.host}. Is the docker daemon running?`,
);

/** The socket is there, and this user may not use it. */
export const connectionDenied = defineError(
  'CONNECTION_DENIED',
  'forbidden',
  (f: { host: string }) => `permission denied while trying to connect to the Docker daemon socket at ${f.host}`,
);

export const invalidHost = defineError(
  'INVALID_HOST',
  'invalid',
  (f: { host: string; why?: string }) => f.why ?? `unable to parse docker host \`${f.host}\``,
);

/** No name at all; a request for it would be one for all objects of the kind. */
export const emptyName = defineError(
  'EMPTY_NAME',
  'invalid',
  (f: { kind: 'container' | 'network' | 'volume' }) => `invalid ${f.kind} name or ID: value is empty`,
);

/** The connection ended, or spoke no HTTP, in the middle of an answer. */
export const brokenAnswer = defineError(
  'BROKEN_ANSWER',
  'unavailable',
  (f: { host: string; reason: string }) => `error during connect: ${f.host}: ${f.reason}`,
);

export const contextNotFound = defineError(
  'BUILD_CONTEXT_NOT_FOUND',
  'notFound',
  (f: { path: string }) => `unable to prepare context: path "${f.path}" not found`,
);

export const dockerfileNotFound = defineError(
  'DOCKERFILE_NOT_FOUND',
  'notFound',
  (f: { path: string }) =>
    `unable to prepare context: Dockerfile not found: lstat ${f.path}: no such file or directory`,
);

export const invalidIgnorePattern = defineError(
  'INVALID_IGNORE_PATTERN',
  'invalid',
  (f: { pattern: string }) => `error checking context: syntax error in pattern: '${f.pattern}'`,
);
