import { defineError } from '../../core/errors.ts';

export const badOption = defineError('BAD_OPTION', 'invalid', (f: { message: string }) => f.message);
export const badConfigFile = defineError(
  'BAD_CONFIG_FILE',
  'invalid',
  (f: { file: string; reason: string }) => `unable to configure the Wharf daemon with file ${f.file}: ${f.reason}`,
);
export const execRootInUse = defineError(
  'EXEC_ROOT_IN_USE',
  'conflict',
  (f: { path: string; pid: string }) =>
    `${f.path} is in use by another wharfd${f.pid === '' ? '' : ` (pid ${f.pid})`}: stop it, or give this one its own --exec-root and --data-root`,
);
export const notRoot = defineError(
  'NOT_ROOT',
  'forbidden',
  (_: Record<never, never>) => 'wharfd needs to be root: namespaces, mounts and the firewall are its work',
);
