import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type DiffId, digestFromHex } from '../../core/digest.ts';
import { badLayer } from '../errors.ts';
import { Decompressor } from '../tar/decompressor.ts';
import type { ByteString } from '../tar/entry.ts';
import { TarReader } from '../tar/reader.ts';
import { moveAside, Unpacker } from '../tar/unpack.ts';
import { RecipeWriter } from './recipe.ts';

/** What became of a layer's tar. */
export interface Unpacked {
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  readonly tarBytes: number;
  /** Length of what came. */
  readonly sentBytes: number;
  /** Directories that the tar has only as parts of other names: owner, mode and times are the lower layers' to say. */
  readonly implied: readonly ByteString[];
}

/** What a layer is to be made into. */
export interface UnpackTarget {
  /** Directory to make it in. */
  readonly made: string;
  /** Where to keep the bytes as they come; `undefined`: nowhere. */
  readonly keep?: string | undefined;
}

/** Beyond so many bytes a layer must not be more than so many times as large as what was sent. */
const BOMB_BYTES = 1024 ** 3;
const BOMB_RATIO = 200;
/** How often the room on the disk is looked at, and what must stay of it. */
const CHECK_BYTES = 64 * 1024 ** 2;
const RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Unpacks a layer (plain, gzip, zstd) below `made`: `fs` in overlayfs form, `recipe` and perhaps `shadow` to make its tar again.
 * Needs nothing of the layers below, so that several layers of an image can be unpacked at once. Synchronous and with buffers of
 * its own, so that neither promises nor garbage cost time and memory: of large layers in a thread (`UnpackPool`).
 */
export class LayerUnpacker implements Disposable {
  readonly #made: string;
  readonly #resources: DisposableStack;
  readonly #keep: number | undefined;
  readonly #hash = createHash('sha256');
  readonly #recipe: RecipeWriter;
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;
  readonly #decompressor: Decompressor;
  #tarBytes = 0;
  #sentBytes = 0;
  #checkAt = CHECK_BYTES;

  constructor({ made, keep }: UnpackTarget) {
    this.#made = made;
    const root = join(made, 'fs');
    const shadow = join(made, 'shadow');
    mkdirSync(root, { recursive: true, mode: 0o755 });
    using undo = new DisposableStack();
    if (keep !== undefined) this.#keep = undo.adopt(openSync(keep, 'wx', 0o600), closeSync);
    const recipe = undo.use(new RecipeWriter(join(made, 'recipe')));
    this.#recipe = recipe;
    let moved = 0;
    this.#unpacker = undo.use(
      new Unpacker({
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
      }),
    );
    this.#reader = new TarReader(this.#unpacker);
    this.#decompressor = undo.use(new Decompressor((bytes) => this.#onTar(bytes)));
    this.#resources = undo.move();
  }

  /** The next piece of the layer. @throws {WharfError} `BAD_LAYER` */
  push(bytes: Uint8Array): void {
    this.#sentBytes += bytes.length;
    if (this.#keep !== undefined) {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#keep, bytes, at, bytes.length - at);
    }
    this.#decompressor.push(bytes);
  }

  /** All has come. @throws {WharfError} `BAD_LAYER` */
  finish(): Unpacked {
    this.#decompressor.finish();
    this.#reader.finish();
    this.#unpacker.close();
    this.#recipe.finish();
    return {
      diffId: digestFromHex(this.#hash.digest('hex')) as DiffId,
      sizeBytes: this.#unpacker.sizeBytes,
      tarBytes: this.#tarBytes,
      sentBytes: this.#sentBytes,
      implied: this.#unpacker.implied,
    };
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #onTar(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#tarBytes += bytes.length;
    this.#reader.push(bytes);
    if (this.#tarBytes < this.#checkAt) return;
    this.#checkAt = this.#tarBytes + CHECK_BYTES;
    checkLimits(this.#made, this.#tarBytes, this.#sentBytes);
  }
}

function checkLimits(directory: string, tarBytes: number, sentBytes: number): void {
  if (tarBytes > BOMB_BYTES && tarBytes > BOMB_RATIO * sentBytes) {
    throw badLayer({ why: `refusing a layer that grows from ${sentBytes} to more than ${tarBytes} bytes` });
  }
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < RESERVE_BYTES) throw badLayer({ why: `no space left on device for the layer's files` });
}
