import { chmodSync, lchownSync } from 'node:fs';
import { lutimeNanos } from '../../linux/index.ts';
import { byteString, type ByteString, diskPath } from '../tar/entry.ts';
import type { LowerView } from './lower-view.ts';

/** Gives directories that a layer's tar does not describe the owner, mode and time they have in the layers below. */
export function adoptFromBelow(root: string, implied: readonly ByteString[], below: LowerView): void {
  for (const name of implied) {
    const stat = below.stat(name);
    if (!stat?.isDirectory()) continue;
    const path = diskPath(`${byteString(root)}/${name}`);
    lchownSync(path, stat.uid, stat.gid);
    chmodSync(path, stat.mode & 0o7777);
    const mtime = BigInt(Math.round(stat.mtimeMs * 1000)) * 1000n;
    lutimeNanos(path, mtime, mtime);
  }
}
