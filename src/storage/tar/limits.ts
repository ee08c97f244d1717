import { statfsSync } from 'node:fs';
import { badLayer } from '../errors.ts';

/** Beyond so many bytes a tar must not be more than so many times as large as what was sent. */
const BOMB_BYTES = 1024 ** 3;
const BOMB_RATIO = 200;
/** How often the room on the disk is looked at, and what must stay of it. */
const CHECK_BYTES = 64 * 1024 ** 2;
const RESERVE_BYTES = 64 * 1024 ** 2;

/** Watches over a tar that is unpacked: no decompression bomb may fill the disk. */
export class GrowthLimit {
  readonly #directory: string;
  readonly #what: string;
  #checkAt = CHECK_BYTES;

  /** @param what for errors: `a layer`, `an archive` */
  constructor(directory: string, what: string) {
    this.#directory = directory;
    this.#what = what;
  }

  /** To be called as it grows. @throws {WharfError} `BAD_LAYER` */
  check(tarBytes: number, sentBytes: number): void {
    if (tarBytes < this.#checkAt) return;
    this.#checkAt = tarBytes + CHECK_BYTES;
    if (tarBytes > BOMB_BYTES && tarBytes > BOMB_RATIO * sentBytes) {
      throw badLayer({ why: `refusing ${this.#what} that grows from ${sentBytes} to more than ${tarBytes} bytes` });
    }
    const { bavail, bsize } = statfsSync(this.#directory);
    if (bavail * bsize < RESERVE_BYTES) throw badLayer({ why: 'no space left on device for what is unpacked' });
  }
}
