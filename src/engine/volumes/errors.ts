import { defineError } from '../../core/errors.ts';

export const volumeNotFound = defineError(
  'VOLUME_NOT_FOUND',
  'notFound',
  (f: { name: string }) => `get ${f.name}: no such volume`,
);
export const volumeInUse = defineError(
  'VOLUME_IN_USE',
  'conflict',
  (f: { name: string; users: readonly string[] }) => `remove ${f.name}: volume is in use - [${f.users.join(', ')}]`,
);
export const volumeDriverNotFound = defineError(
  'VOLUME_DRIVER_NOT_FOUND',
  'notFound',
  (f: { name: string; driver: string }) =>
    `create ${f.name}: error looking up volume plugin ${f.driver}: plugin "${f.driver}" not found`,
);
export const volumeRefused = defineError(
  'VOLUME_REFUSED',
  'invalid',
  (f: { name: string; reason: string }) => `create ${f.name}: ${f.reason}`,
);
export const pruneRunning = defineError(
  'PRUNE_RUNNING',
  'conflict',
  (_: Record<never, never>) => 'a prune operation is already running',
);
