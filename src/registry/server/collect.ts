import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { BlobFiles } from './blob-files.ts';
import type { Catalog } from './catalog.ts';
import type { Uploads } from './uploads.ts';

export interface Collected {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Removes what no manifest names, while the registry goes on serving: each step looks and acts without others in between, so
 * nothing that gets a name meanwhile is lost.
 * @param graceMs how long a blob waits for the manifest that will name it
 */
export async function collect(
  parts: { readonly files: BlobFiles; readonly catalog: Catalog; readonly uploads: Uploads },
  graceMs: number,
): Promise<Collected> {
  const { files, catalog, uploads } = parts;
  const before = Date.now() - graceMs;
  uploads.sweep(before);
  for (const { repository, digest } of catalog.unusedBlobs(before)) catalog.unlinkBlob(repository, digest);
  let blobs = 0;
  let bytes = 0;
  for (const { digest, sizeBytes } of files.all()) {
    if (!catalog.isLinked(digest)) {
      files.remove(digest);
      blobs++;
      bytes += sizeBytes;
    }
    await yieldToOthers();
  }
  return { blobs, bytes };
}
