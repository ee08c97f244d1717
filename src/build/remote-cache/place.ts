import type { Digest } from '../../core/digest.ts';
import { sha256 } from '../../core/digest.ts';
import type { Descriptor } from '../../core/oci.ts';
import type { Readable } from 'node:stream';

/** A manifest or index, and what it says that it is (`''`: nothing). */
export interface Document {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Where a cache lies that another build has written. Failures are told in words for the person who named it. */
export interface CachePlace extends AsyncDisposable {
  /** What its name means now. */
  root(): Promise<Document>;
  /** A manifest that the root names. */
  manifest(digest: Digest): Promise<Document>;
  /** The bytes of a blob; they may be others than its digest says. */
  blob(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}

/** Where a cache is written to. */
export interface CacheTarget extends AsyncDisposable {
  has(descriptor: Descriptor): Promise<boolean>;
  /** @param open gives the bytes, perhaps more than once */
  put(descriptor: Descriptor, open: () => Readable): Promise<void>;
  /** Makes the cache known, when all that its manifest names is there. */
  finish(manifest: Descriptor, bytes: Buffer): Promise<void>;
}

/** A whole blob that is known to be small. @throws {Error} if it is not, or not what its digest says */
export async function wholeBlob(place: CachePlace, descriptor: Descriptor, mostBytes: number): Promise<Buffer> {
  if (descriptor.size > mostBytes) throw new Error(`${descriptor.digest} is too large: ${descriptor.size} bytes`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of place.blob(descriptor)) {
    size += chunk.length;
    if (size > descriptor.size) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (sha256(bytes) !== descriptor.digest)
    throw new Error(`the bytes of ${descriptor.digest} are others than its name says`);
  return bytes;
}
