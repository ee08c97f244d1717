import { defineError } from '../core/errors.ts';

/** The OCI runtime refused; the text is worded as Docker's for the cases that scripts match on. */
export const runtimeFailed = defineError('RUNTIME_FAILED', 'internal', (f: { message: string }) => f.message);

/** A device that was asked for is not there, or none. Docker finds that at the start, and does not blame the request. */
export const noSuchDevice = defineError(
  'NO_SUCH_DEVICE',
  'internal',
  (f: { path: string; why: string }) =>
    `error gathering device information while adding custom device "${f.path}": ${f.why}`,
);

/** No OCI runtime can run a container here. */
export const noRuntime = defineError('NO_RUNTIME', 'unavailable', (f: { message: string }) => f.message);

/** The monitor could not be started, or was lost in the middle of an operation. */
export const monitorFailed = defineError('MONITOR_FAILED', 'internal', (f: { message: string }) => f.message);

/** Exit code for a failed start, as the shell has it: 127 program not found, 126 not executable, else 128. */
export function startFailureOf(error: unknown): 126 | 127 | 128 {
  const text = error instanceof Error ? error.message : String(error);
  if (/executable file not found|no such file or directory|onto a file \(or vice-versa\)/i.test(text)) return 127;
  if (/permission denied|is a directory|not a directory/i.test(text)) return 126;
  return 128;
}
