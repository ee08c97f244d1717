import { defineError } from '../core/errors.ts';

/** A file that does not say what Compose understands; `at` says where. */
export const composeFileInvalid = defineError('COMPOSE_FILE_INVALID', 'invalid', (f: { message: string }) => f.message);

/** A value that the surroundings should have given: a file, a variable, a project name. */
export const composeInputMissing = defineError(
  'COMPOSE_INPUT_MISSING',
  'notFound',
  (f: { message: string }) => f.message,
);

/** A wrong flag or argument. */
export const composeUsage = defineError('COMPOSE_USAGE', 'invalid', (f: { message: string }) => f.message);

/** What was asked for could not be done, in the words given. */
export const composeFailed = defineError('COMPOSE_FAILED', 'internal', (f: { message: string }) => f.message);

/** Ends the command with this exit code; the reason has been printed already, or needs no words. */
export class ExitWith extends Error {
  override readonly name = 'ExitWith';
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
