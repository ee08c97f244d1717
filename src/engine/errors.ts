import type { ErrorContext, ErrorKind } from '../core/errors.ts';
import { defineError, WharfError } from '../core/errors.ts';

/** Failures of containers, execs and networks, in the words that scripts written for Docker match on. */
export const containerNotFound = defineError(
  'CONTAINER_NOT_FOUND',
  'notFound',
  (f: { ref: string }) => `No such container: ${f.ref}`,
);
export const invalidContainerRef = defineError(
  'INVALID_CONTAINER_REF',
  'invalid',
  (f: { ref: string }) => `invalid name or ID supplied: ${JSON.stringify(f.ref)}`,
);
export const ambiguousContainer = defineError(
  'AMBIGUOUS_CONTAINER',
  'invalid',
  (f: { ref: string }) => `multiple IDs found with provided prefix: ${f.ref}`,
);
export const invalidContainerName = defineError(
  'INVALID_CONTAINER_NAME',
  'invalid',
  (f: { name: string }) => `Invalid container name (${f.name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
);
export const nameConflict = defineError(
  'CONTAINER_NAME_IN_USE',
  'conflict',
  (f: { name: string; holder: string }) =>
    `Conflict. The container name "/${f.name}" is already in use by container "${f.holder}". ` +
    'You have to remove (or rename) that container to be able to reuse that name.',
);
/** The container is in a state in which this cannot be done; the text is the caller's. */
export const stateConflict = defineError('STATE_CONFLICT', 'conflict', (f: { message: string }) => f.message);
/** A fault that Docker answers with status 500 although it is the request's; kept, as clients tell them apart by it. */
export const requestFailed = defineError('REQUEST_FAILED', 'internal', (f: { message: string }) => f.message);
export const execNotFound = defineError(
  'EXEC_NOT_FOUND',
  'notFound',
  (f: { id: string }) => `No such exec instance: ${f.id}`,
);
export const networkNotFound = defineError(
  'NETWORK_NOT_FOUND',
  'notFound',
  (f: { ref: string }) => `network ${f.ref} not found`,
);
export const networkForbidden = defineError('NETWORK_FORBIDDEN', 'forbidden', (f: { message: string }) => f.message);
export const networkExists = defineError(
  'NETWORK_EXISTS',
  'conflict',
  (f: { name: string }) => `network with name ${f.name} already exists`,
);
export const imageOfOtherPlatform = defineError(
  'IMAGE_OF_OTHER_PLATFORM',
  'notFound',
  (f: { reference: string; has: string; asked: string }) =>
    `image with reference ${f.reference} was found but its platform (${f.has}) does not match the specified platform (${f.asked})`,
);
export const pathNotFound = defineError(
  'CONTAINER_PATH_NOT_FOUND',
  'notFound',
  (f: { path: string; container: string }) => `Could not find the file ${f.path} in container ${f.container}`,
);
export const networkUnsupported = defineError(
  'NETWORK_UNSUPPORTED',
  'unsupported',
  (f: { what: string }) => `${f.what} is not supported by this engine: use a bridge network`,
);
export const pluginNotFound = defineError(
  'PLUGIN_NOT_FOUND',
  'notFound',
  (f: { name: string }) => `plugin "${f.name}" not found`,
);

/** A container that could not be started: `exitCode` is what its state shows and what `docker run` exits with. */
export class StartError extends WharfError {
  readonly exitCode: number;
  /** Whether a restart policy tries again. Docker does not where the network is at fault. */
  readonly isRetried: boolean;
  constructor(
    kind: ErrorKind,
    message: string,
    exitCode: number,
    context: ErrorContext & { readonly isRetried?: boolean } = {},
  ) {
    const { isRetried = true, ...rest } = context;
    super('START_FAILED', kind, message, rest);
    this.exitCode = exitCode;
    this.isRetried = isRetried;
  }
}
