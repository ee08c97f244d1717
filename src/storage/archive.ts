import { createHash, hash, type Hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Storage } from './contract.ts';
import { shortName } from './layout.ts';
import { removeTree } from './remove-tree.ts';
import { decompress } from './tar/decompress.ts';
import { GrowthLimit } from './tar/limits.ts';
import { type ByteString, displayName, type TarEntry } from './tar/entry.ts';
import { TarReader, type TarSink } from './tar/reader.ts';
import { Unpacker } from './tar/unpack.ts';

/** A directory for work in progress on the data root's file system. Gone when disposed, or at the next start. */
export function scratchDirectory(storage: Storage): AsyncDisposable & { readonly path: string } {
  const path = join(storage.dataRoot, 'tmp', `scratch-${shortName()}`);
  mkdirSync(path, { mode: 0o700 });
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}

/**
 * Unpacks an archive (plain, gzip or zstd tar) into an empty directory that nobody else writes to. Names that lead out are
 * refused, and so are devices and what grows without end.
 * @returns SHA-256 in hexadecimal of regular files by their paths; files whose digest takes extra work are left out
 * @throws {WharfError} `BAD_LAYER`
 */
export async function unpackArchive(
  tar: AsyncIterable<Uint8Array>,
  directory: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const onFile = (name: ByteString): void => digests.begin(name);
  using unpacker = new Unpacker({ root: directory, fresh: true, whiteouts: 'none', devices: 'refused', onFile });
  const digests = new DigestingSink(unpacker);
  const reader = new TarReader(digests);
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
  return digests.found;
}

/** Digests what it passes on. */
class DigestingSink implements TarSink {
  readonly found = new Map<string, string>();
  readonly #next: TarSink;
  /** Of the file that comes: where it is put, and its length. */
  #path: string | undefined;
  #size = 0;
  #hash: Hash | undefined;
  #digest: string | undefined;

  constructor(next: TarSink) {
    this.#next = next;
  }

  entry(entry: TarEntry): void {
    // Of a sparse file it is not told which of those before it it replaces.
    if (entry.sparse === true) this.found.clear();
    this.#path = this.#hash = this.#digest = undefined;
    this.#size = entry.size;
    this.#next.entry(entry);
  }

  /** The entry that was passed on is put at a path, links in it resolved. */
  begin(name: ByteString): void {
    const path = displayName(name);
    // Different names can look alike where they are no text.
    this.#path = path.includes('\ufffd') ? undefined : path;
  }

  data(bytes: Buffer, at?: number): void {
    this.#next.data(bytes, at);
    if (this.#path === undefined) return;
    if (bytes.length === this.#size) this.#digest = hash('sha256', bytes, 'hex');
    else (this.#hash ??= createHash('sha256')).update(bytes);
  }

  end(): void {
    this.#next.end();
    if (this.#path === undefined) return;
    this.found.set(this.#path, this.#digest ?? (this.#hash ?? createHash('sha256')).digest('hex'));
    this.#path = undefined;
  }
}
