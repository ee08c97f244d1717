import { defineError } from '../core/errors.ts';

export const pageNotFound = defineError('PAGE_NOT_FOUND', 'notFound', (_: Record<never, never>) => 'page not found');

export const versionTooNew = defineError(
  'API_VERSION_TOO_NEW',
  'invalid',
  (f: { asked: string; newest: string }) =>
    `client version ${f.asked} is too new. Maximum supported API version is ${f.newest}`,
);
export const versionTooOld = defineError(
  'API_VERSION_TOO_OLD',
  'invalid',
  (f: { asked: string; oldest: string }) =>
    `client version ${f.asked} is too old. Minimum supported API version is ${f.oldest}, please upgrade your client to a newer version`,
);
export const unsupportedContentType = defineError(
  'UNSUPPORTED_CONTENT_TYPE',
  'invalid',
  (f: { given: string }) => `unsupported Content-Type header (${f.given}): must be 'application/json'`,
);
export const invalidJson = defineError(
  'INVALID_JSON',
  'invalid',
  (f: { reason: string }) => `invalid JSON: ${f.reason}`,
);
export const notANumber = defineError(
  'NOT_A_NUMBER',
  'internal',
  (f: { value: string }) => `strconv.Atoi: parsing ${JSON.stringify(f.value)}: invalid syntax`,
);
export const noSwarm = defineError(
  'NO_SWARM',
  'unavailable',
  (_: Record<never, never>) =>
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
);
export const foreignOrigin = defineError(
  'FOREIGN_ORIGIN',
  'forbidden',
  (f: { origin: string }) => `a web page (${f.origin}) may not use this API`,
);
export const foreignHost = defineError(
  'FOREIGN_HOST',
  'forbidden',
  (f: { host: string }) =>
    `"${f.host}" is not this machine: ask for it as localhost or by its address, as web pages under other names must not reach it`,
);
export const shuttingDown = defineError(
  'SHUTTING_DOWN',
  'unavailable',
  (_: Record<never, never>) => 'the daemon is shutting down',
);
export const socketInUse = defineError(
  'SOCKET_IN_USE',
  'conflict',
  (f: { address: string }) => `cannot listen on ${f.address}: another daemon answers there`,
);
export const cannotListen = defineError(
  'CANNOT_LISTEN',
  'internal',
  (f: { address: string; reason: string }) => `cannot listen on ${f.address}: ${f.reason}`,
);
export const insecureAddress = defineError(
  'INSECURE_ADDRESS',
  'invalid',
  (f: { address: string }) =>
    `refusing to listen on ${f.address} without TLS: whoever reaches it is root here; use --tlsverify with certificates, or --tls=false to do it all the same`,
);

export const noSuchNetwork = defineError(
  'NETWORK_NOT_OF_SCOPE',
  'notFound',
  (f: { ref: string }) => `network ${f.ref} not found`,
);
