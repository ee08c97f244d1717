/**
 * Errors that a user can meet: a stable code for programs, a message for people, a hint for what to do.
 * Each part declares its own with `defineError`; the API turns `kind` into an HTTP status.
 */
const STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
} as const;

export type ErrorKind = keyof typeof STATUS;

/** A place in a file somebody wrote: lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where it ends, if that is another line. */
  readonly lastLine?: number | undefined;
}

export interface ErrorContext {
  /** What to do about it; one sentence without a full stop. */
  readonly hint?: string | undefined;
  readonly at?: Position | undefined;
  readonly cause?: unknown;
}

export class WharfError extends Error {
  override readonly name = 'WharfError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly context: ErrorContext;
  constructor(code: string, kind: ErrorKind, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.kind = kind;
    this.context = context;
  }
  /** The HTTP status of the Engine API for this kind of error. */
  get status(): number {
    return STATUS[this.kind];
  }
}

export interface ErrorFactory<P> {
  (facts: P, context?: ErrorContext): WharfError;
  readonly code: string;
  is(e: unknown): e is WharfError;
}

/** Declares one failure that users can meet; the result makes such errors and recognises them. */
export function defineError<P>(code: string, kind: ErrorKind, say: (facts: P) => string): ErrorFactory<P> {
  const make = (facts: P, context: ErrorContext = {}) => new WharfError(code, kind, say(facts), context);
  return Object.assign(make, { code, is: (e: unknown): e is WharfError => e instanceof WharfError && e.code === code });
}

/** A malformed request or option, in the words given. */
export const invalidParameter = defineError('INVALID_PARAMETER', 'invalid', (f: { message: string }) => f.message);

/** A request that this engine understands and refuses for good, in the words given. */
export const unsupported = defineError('UNSUPPORTED', 'unsupported', (f: { message: string }) => f.message);

/** The message of anything thrown; never a stack. */
export function messageOf(e: unknown): string {
  if (e instanceof AggregateError && e.message === '') return e.errors.map(messageOf).join('; ');
  return e instanceof Error ? e.message : String(e);
}

/** The errno name (`ENOENT`) of a Node or system-call error, if it has one. */
export function errnoOf(e: unknown): string | undefined {
  if (typeof e !== 'object' || e === null || !('code' in e)) return undefined;
  return typeof e.code === 'string' && /^E[A-Z0-9]+$/.test(e.code) ? e.code : undefined;
}

/** For the `default` of an exhaustive `switch`: a case that the types rule out. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
