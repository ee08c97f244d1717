import { createHash } from 'node:crypto';
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type DiffId, digestFromHex } from '../../core/digest.ts';
import { badLayer } from '../errors.ts';
import { decompress } from '../tar/decompress.ts';
import type { ByteString } from '../tar/entry.ts';
import { TarReader } from '../tar/reader.ts';
import { moveAside, Unpacker } from '../tar/unpack.ts';
import { RecipeWriter } from './recipe.ts';

/** What became of a layer's tar. */
export interface Unpacked {
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  readonly tarBytes: number;
  /** Directories that the tar has only as parts of other names: owner, mode and times are the lower layers' to say. */
  readonly implied: readonly ByteString[];
}

/** Beyond so many bytes a layer must not be more than so many times as large as what was sent. */
const BOMB_BYTES = 1024 ** 3;
const BOMB_RATIO = 200;
/** How often the room on the disk is looked at, and what must stay of it. */
const CHECK_BYTES = 64 * 1024 ** 2;
const RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Unpacks a layer (plain, gzip, zstd) below `made`: `fs` in overlayfs form, `recipe` and perhaps `shadow` to make its tar again.
 * Needs nothing of the layers below, so that several layers of an image can be unpacked at once.
 * @param onBytes told how long the tar is by now
 * @throws {WharfError} `BAD_LAYER`
 */
export async function unpackLayer(
  made: string,
  source: AsyncIterable<Uint8Array>,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: ((n: number) => void) | undefined } = {},
): Promise<Unpacked> {
  const root = join(made, 'fs');
  const shadow = join(made, 'shadow');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  const hash = createHash('sha256');
  let tarBytes = 0;
  let sentBytes = 0;
  let checkAt = CHECK_BYTES;
  let moved = 0;
  using recipe = new RecipeWriter(join(made, 'recipe'));
  using unpacker = new Unpacker({
    root,
    fresh: true,
    whiteouts: 'overlay',
    onRaw: (bytes) => recipe.raw(bytes),
    onFile: (name, size) => recipe.file(name, size),
    onReplace: (name) => {
      mkdirSync(shadow, { recursive: true });
      moveAside(root, name, join(shadow, String(moved)));
      recipe.moved(name, `../shadow/${moved++}`);
      return true;
    },
  });
  const reader = new TarReader(unpacker);
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      sentBytes += chunk.length;
      yield chunk;
    }
  };
  for await (const chunk of decompress(counted())) {
    options.signal?.throwIfAborted();
    hash.update(chunk);
    tarBytes += chunk.length;
    reader.push(chunk);
    options.onBytes?.(chunk.length);
    if (tarBytes < checkAt) continue;
    checkAt = tarBytes + CHECK_BYTES;
    checkLimits(made, tarBytes, sentBytes);
  }
  reader.finish();
  unpacker.close();
  recipe.finish();
  return {
    diffId: digestFromHex(hash.digest('hex')) as DiffId,
    sizeBytes: unpacker.sizeBytes,
    tarBytes,
    implied: unpacker.implied,
  };
}

function checkLimits(directory: string, tarBytes: number, sentBytes: number): void {
  if (tarBytes > BOMB_BYTES && tarBytes > BOMB_RATIO * sentBytes) {
    throw badLayer({ why: `refusing a layer that grows from ${sentBytes} to more than ${tarBytes} bytes` });
  }
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < RESERVE_BYTES) throw badLayer({ why: `no space left on device for the layer's files` });
}
