import { defineError, errnoOf, messageOf, WharfError } from '../core/errors.ts';
import type { ErrorContext, Position } from '../core/errors.ts';

/** Something wrong in the Dockerfile's text; Docker's wording, with the line. */
export const dockerfileError = defineError(
  'DOCKERFILE_PARSE_ERROR',
  'invalid',
  (f: { line: number; message: string }) => `dockerfile parse error on line ${f.line}: ${f.message}`,
);

/** The Dockerfile as a whole cannot be used: empty, or without instructions. */
export const dockerfileUnusable = defineError('DOCKERFILE_UNUSABLE', 'invalid', (f: { message: string }) => f.message);

export const dockerfileMissing = defineError(
  'DOCKERFILE_MISSING',
  'internal',
  (f: { name: string }) => `Cannot locate specified Dockerfile: ${f.name}`,
);

export const badContext = defineError(
  'BAD_CONTEXT',
  'invalid',
  (f: { reason: string }) => `cannot read the build context: ${f.reason}`,
);

/** A client's directory cannot be read from here: it is to send it instead. */
export const contextNotHere = defineError(
  'CONTEXT_NOT_HERE',
  'conflict',
  () => 'the build context cannot be read where the engine runs',
);

/** A layer that a cache elsewhere promised and cannot give. */
export const cacheLost = defineError(
  'CACHE_LOST',
  'unavailable',
  (f: { name: string; why: string }) => `a layer of the cache ${f.name} cannot be used: ${f.why}`,
);

/** An instruction of `--change` that cannot be. */
export const invalidChange = defineError('INVALID_CHANGE', 'invalid', (f: { why: string }) => f.why);

/** A step that could not be carried out, in Docker's words. `at` says which line asked for it. */
export const stepFailed = defineError('BUILD_STEP_FAILED', 'internal', (f: { message: string }) => f.message);

export const expansionFailed = defineError(
  'EXPANSION_FAILED',
  'invalid',
  (f: { word: string; reason: string }) => `failed to process ${JSON.stringify(f.word)}: ${f.reason}`,
);

/** A RUN whose command ended with another exit code than 0. */
export class CommandFailed extends WharfError {
  readonly exitCode: number;
  /** An image of what the command left, if that was asked for. */
  image: string | undefined;
  constructor(command: string, exitCode: number, context: ErrorContext = {}) {
    super(
      'BUILD_COMMAND_FAILED',
      'internal',
      `The command '${command}' returned a non-zero code: ${exitCode}`,
      context,
    );
    this.exitCode = exitCode;
  }
}

/** A file of the context is not what it was a moment ago. */
export class ContextChanged extends WharfError {
  /** Looks at the files again, so that what failed can be tried once more. */
  readonly lookAgain: () => void;
  constructor(path: string, lookAgain: () => void) {
    const advice = 'build again when nothing writes to it';
    super('CONTEXT_CHANGED', 'conflict', `${path} in the build context changes while it is read: ${advice}`, {});
    this.lookAgain = lookAgain;
  }
}

/** Whether something failed for want of room. */
export function isDiskFull(e: unknown): boolean {
  if (e instanceof Error && e.cause !== undefined && isDiskFull(e.cause)) return true;
  return errnoOf(e) === 'ENOSPC' || errnoOf(e) === 'EDQUOT';
}

/** The same error, saying where in the Dockerfile it came from, unless it says so already. */
export function located(e: unknown, at: Position): unknown {
  if (isDiskFull(e)) {
    const message = "no space left on device: the engine's disk is full";
    return stepFailed({ message }, { at, cause: e, hint: '"builder prune" and "image prune" give some back' });
  }
  // What the system says of a file: the line that wanted it is known only here.
  if (!(e instanceof WharfError) && errnoOf(e) !== undefined)
    return stepFailed({ message: messageOf(e) }, { at, cause: e });
  if (!(e instanceof WharfError) || e.context.at !== undefined) return e;
  if (e instanceof CommandFailed) return e;
  return new WharfError(e.code, e.kind, e.message, { ...e.context, at, cause: e });
}
/** Docker's words. */
export const hostNetworkRefused = defineError(
  'BUILD_STEP_FAILED',
  'invalid',
  (_: Record<never, never>) => "cannot share the host's network namespace when user namespaces are enabled",
);
