import { defineError } from '../core/errors.ts';

/** The engine's own answer to a request that failed; `message` is its text, unchanged. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const cannotConnect = defineError(
  'CANNOT_CONNECT',
  'unavailable',
  (f: { host: string }) => `Cannot connect to the Docker daemon at ${f.host}. Is the docker daemon running?`,
);
