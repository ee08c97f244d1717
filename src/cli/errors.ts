import { ApiError } from '../client/index.ts';
import { messageOf } from '../core/errors.ts';

/** A command line that cannot be read; printed with the usage of its command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode: number;
  readonly hint: string | undefined;
  constructor(message: string, exitCode: number, hint?: string) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** A failure that has its own exit code; `message` goes to stderr unless it is empty. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;
  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/** The words for a failure; what the engine said is marked as such. */
export function errorText(e: unknown): string {
  return e instanceof ApiError ? `Error response from daemon: ${e.message}` : messageOf(e);
}
