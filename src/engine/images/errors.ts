import { defineError } from '../../core/errors.ts';

export const imageNotFound = defineError(
  'IMAGE_NOT_FOUND',
  'notFound',
  (f: { ref: string }) => `No such image: ${f.ref}`,
);

/** Docker's wording, which scripts match on: `(must be forced)` or `(cannot be forced)`. */
export const imageInUse = defineError(
  'IMAGE_IN_USE',
  'conflict',
  (f: { id: string; forced: 'must be forced' | 'cannot be forced'; why: string }) =>
    `conflict: unable to delete ${f.id} (${f.forced}) - ${f.why}`,
);
export const imageReferenceInUse = defineError(
  'IMAGE_REFERENCE_IN_USE',
  'conflict',
  (f: { ref: string; container: string; id: string }) =>
    `conflict: unable to remove repository reference "${f.ref}" (must force) - container ${f.container} is using its referenced image ${f.id}`,
);
export const reservedName = defineError(
  'RESERVED_NAME',
  'invalid',
  (f: { name: string }) => `'${f.name}' is a reserved name`,
);
export const badArchive = defineError('BAD_ARCHIVE', 'invalid', (f: { why: string }) => f.why);
export const pruneRunning = defineError('PRUNE_RUNNING', 'conflict', () => 'a prune operation is already running');
export const notPulled = defineError('PULL_FAILED', 'notFound', (f: { why: string }) => f.why);
export const notPushed = defineError('PUSH_FAILED', 'notFound', (f: { why: string }) => f.why);
