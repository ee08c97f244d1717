import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Storage } from './contract.ts';
import { shortName } from './layout.ts';
import { decompress } from './tar/decompress.ts';
import { GrowthLimit } from './tar/limits.ts';
import { TarReader } from './tar/reader.ts';
import { Unpacker } from './tar/unpack.ts';

/** A directory for work in progress on the data root's file system. Gone when disposed, or at the next start. */
export function scratchDirectory(storage: Storage): AsyncDisposable & { readonly path: string } {
  const path = join(storage.dataRoot, 'tmp', `scratch-${shortName()}`);
  mkdirSync(path, { mode: 0o700 });
  // For lack of descriptors, which pass: again.
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  return { path, [Symbol.asyncDispose]: remove };
}

/**
 * Unpacks an archive (plain, gzip or zstd tar) into an empty directory that nobody else writes to. Names that lead out are
 * refused, and so are devices and what grows without end.
 * @throws {WharfError} `BAD_LAYER`
 */
export async function unpackArchive(
  tar: AsyncIterable<Uint8Array>,
  directory: string,
  signal?: AbortSignal,
): Promise<void> {
  using unpacker = new Unpacker({ root: directory, fresh: true, whiteouts: 'none', devices: 'refused' });
  const reader = new TarReader(unpacker);
  const limit = new GrowthLimit(directory, 'an archive');
  let sentBytes = 0;
  let tarBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of tar) {
      sentBytes += chunk.length;
      yield chunk;
    }
  };
  for await (const chunk of decompress(counted())) {
    signal?.throwIfAborted();
    reader.push(chunk);
    tarBytes += chunk.length;
    limit.check(tarBytes, sentBytes);
  }
  reader.finish();
  unpacker.close();
}
