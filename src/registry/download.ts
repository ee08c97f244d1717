import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, hexOf } from '../core/digest.ts';
import { WharfError } from '../core/errors.ts';
import { blobMismatch, brokenOff, registryUnreachable } from './errors.ts';

/** Attempts in a row that bring nothing. */
const ATTEMPTS = 5;
const FIRST_WAIT_MS = 500;

export interface ResumeOptions {
  /** What is fetched, for errors. */
  readonly what: string;
  readonly sizeBytes?: number;
  /** Told before each wait. */
  readonly onRetry?: (seconds: number) => void;
  readonly signal: AbortSignal;
}

/**
 * The bytes that `from` gives, whatever happens to the connection: it is asked again from where the last one broke off. An
 * answer that begins at the beginning all the same (200 where 206 was wanted) is read up to that place.
 */
export async function* resumed(
  from: (start: number) => Promise<IncomingMessage>,
  options: ResumeOptions,
): AsyncGenerator<Buffer, void, undefined> {
  let at = 0;
  for (let failures = 0; ; ) {
    const before = at;
    try {
      const answer = await from(at);
      let skip = answer.statusCode === 206 ? startOf(answer, at) : at;
      for await (const piece of answer as AsyncIterable<Buffer>) {
        const fresh = skip === 0 ? piece : piece.subarray(Math.min(skip, piece.length));
        skip -= piece.length - fresh.length;
        if (fresh.length === 0) continue;
        at += fresh.length;
        yield fresh;
      }
      return;
    } catch (e) {
      options.signal.throwIfAborted();
      failures = at > before ? 1 : failures + 1;
      if (!isPassing(e)) throw e;
      if (failures >= ATTEMPTS) throw e instanceof WharfError ? e : brokenOff({ what: options.what, at }, { cause: e });
      await backOff(failures, options);
    }
  }
}

/** Tries again what fails for reasons that pass, with longer and longer waits. */
export async function retried<T>(
  work: () => Promise<T>,
  options: { readonly signal: AbortSignal; readonly onRetry?: (seconds: number) => void },
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (e) {
      options.signal.throwIfAborted();
      if (!isPassing(e) || failures >= ATTEMPTS) throw e;
      await backOff(failures, options);
    }
  }
}

async function backOff(
  failures: number,
  { signal, onRetry }: { readonly signal: AbortSignal; readonly onRetry?: (seconds: number) => void },
): Promise<void> {
  const waitMs = FIRST_WAIT_MS * 2 ** (failures - 1);
  onRetry?.(Math.ceil(waitMs / 1000));
  await sleep(waitMs, undefined, { signal });
}

/** How many bytes of a partial answer are known already. */
function startOf(answer: IncomingMessage, wanted: number): number {
  const start = Number(/^bytes (\d+)-/.exec(String(answer.headers['content-range'] ?? ''))?.[1] ?? wanted);
  if (start > wanted) throw registryUnreachable({ method: 'Get', url: 'blob', why: 'the registry left out a part' });
  return wanted - start;
}

/** Broken connections and overloaded servers get better; refusals do not. */
function isPassing(e: unknown): boolean {
  if (e instanceof WharfError) {
    return e.code === registryUnreachable.code || /unexpected status from the registry: 5\d\d/.test(e.message);
  }
  const code = typeof e === 'object' && e !== null && 'code' in e ? String(e.code) : '';
  return ['ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE'].includes(code);
}

/** Passes bytes on; fails if they are not those of the digest, or more or fewer than said. */
export async function* verified(
  source: AsyncIterable<Buffer>,
  digest: Digest,
  sizeBytes: number | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash(digest.startsWith('sha512:') ? 'sha512' : 'sha256');
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (sizeBytes !== undefined && length > sizeBytes) throw blobMismatch({ digest });
    hash.update(piece);
    yield piece;
  }
  if ((sizeBytes !== undefined && length !== sizeBytes) || hash.digest('hex') !== hexOf(digest)) {
    throw blobMismatch({ digest });
  }
}
