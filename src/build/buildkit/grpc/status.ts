import { messageOf, WharfError } from '../../../core/errors.ts';
import { RpcStatus } from '../wire/messages.ts';
import type { Of } from '../wire/protobuf.ts';

/** The codes of gRPC that are used here. @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const CODE = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

type Status = Of<typeof RpcStatus>;

/** A call that ended with another status than OK. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly details: Status['details'];

  constructor(code: number, message: string, details: Status['details'] = []) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** What a failure is to a gRPC client. */
export function toRpcError(e: unknown): RpcError {
  if (e instanceof RpcError) return e;
  if (e instanceof WharfError && e.status < 500) {
    return new RpcError(e.status === 404 ? CODE.notFound : CODE.unknown, e.message);
  }
  return new RpcError(CODE.unknown, messageOf(e));
}

/** The trailers that end a call. */
export function trailersOf(e: RpcError | undefined): Record<string, string> {
  if (e === undefined) return { 'grpc-status': '0' };
  const { code, message, details } = e;
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeMessage(message) };
  if (details.length === 0) return trailers;
  const whole = RpcStatus.encode({ code, message, details }).toString('base64').replace(/=+$/, '');
  return { ...trailers, 'grpc-status-details-bin': whole };
}

/** The error that trailers tell of; `undefined`: OK. */
export function errorOfTrailers(trailers: Readonly<Record<string, unknown>>): RpcError | undefined {
  const status = trailers['grpc-status'];
  const code = typeof status === 'string' ? Number(status) : Number.NaN;
  if (code === CODE.ok) return undefined;
  const message = trailers['grpc-message'];
  const text = typeof message === 'string' ? decodeMessage(message) : 'the call ended without a status';
  return new RpcError(Number.isInteger(code) ? code : CODE.unknown, text);
}

function encodeMessage(message: string): string {
  return [...Buffer.from(message)]
    .map((b) => (b >= 0x20 && b <= 0x7e && b !== 0x25 ? String.fromCharCode(b) : `%${b.toString(16).padStart(2, '0')}`))
    .join('');
}

function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
