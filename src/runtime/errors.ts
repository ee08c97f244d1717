import { defineError } from '../core/errors.ts';

/** The OCI runtime refused; the text is worded as Docker's for the cases that scripts match on. */
export const runtimeFailed = defineError('RUNTIME_FAILED', 'internal', (f: { message: string }) => f.message);

/** Exit code for a failed start: 127 program not found, 126 not executable, else 128. */
export function startFailureOf(_error: unknown): 126 | 127 | 128 {
  return 128;
}
