import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type DiffId, digestFromHex } from '../../core/digest.ts';
import { beginWriteback } from '../../linux/index.ts';
import { Decompressor } from '../tar/decompressor.ts';
import type { ByteString } from '../tar/entry.ts';
import { GrowthLimit } from '../tar/limits.ts';
import { TarReader } from '../tar/reader.ts';
import { moveAside, Unpacker } from '../tar/unpack.ts';
import { writeWhole } from '../tar/write.ts';
import { RecipeWriter } from './recipe.ts';

/** How much of what is kept may wait until the disk is told of it, bytes. */
const TELL_EVERY = 4 * 1024 * 1024;

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

/**
 * Unpacks a layer (plain, gzip, zstd) below `made`: `fs` in overlayfs form, `recipe` and perhaps `shadow` to make its tar again.
 * Needs nothing of the layers below, so that several layers of an image can be unpacked at once. Synchronous and with buffers of
 * its own, so that neither promises nor garbage cost time and memory: of large layers in a thread (`UnpackPool`).
 */
export class LayerUnpacker implements Disposable {
  readonly #limit: GrowthLimit;
  readonly #resources: DisposableStack;
  readonly #keep: number | undefined;
  readonly #hash = createHash('sha256');
  readonly #recipe: RecipeWriter;
  readonly #unpacker: Unpacker;
  readonly #reader: TarReader;
  readonly #decompressor: Decompressor;
  #tarBytes = 0;
  #sentBytes = 0;
  #toldBytes = 0;

  constructor({ made, keep }: UnpackTarget) {
    this.#limit = new GrowthLimit(made, 'a layer');
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
      writeWhole(this.#keep, bytes);
      // Most of it is on the disk by the time that the last byte has come.
      if (this.#sentBytes - this.#toldBytes >= TELL_EVERY) {
        beginWriteback(this.#keep);
        this.#toldBytes = this.#sentBytes;
      }
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
    this.#limit.check(this.#tarBytes, this.#sentBytes);
  }
}
