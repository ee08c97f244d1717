import { lstatSync, readdirSync } from 'node:fs';
import { lgetXattr, lsetXattr } from '../../linux/index.ts';
import { byteString, type ByteString, diskPath } from '../tar/entry.ts';

const CAPABILITY = 'security.capability';
const REVISION_MASK = 0xff000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const BYTES_3 = 24;

/**
 * The attribute for whatever user namespace a file is run in. Root in a user namespace gives capabilities that say whose root he
 * was; an image is for all of them. @see capabilities(7), Namespaced file capabilities
 */
export function capabilityForAll(value: Buffer | undefined): Buffer | undefined {
  if (value?.length !== BYTES_3) return value;
  const magic = value.readUInt32LE(0);
  if ((magic & REVISION_MASK) >>> 0 !== REVISION_3) return value;
  const plain = Buffer.from(value.subarray(0, BYTES_3 - 4));
  plain.writeUInt32LE((magic & ~REVISION_MASK) | REVISION_2, 0);
  return plain;
}

/** Makes capabilities of files, which containers with mapped users gave them, good for all. */
export function freeCapabilities(upper: string): void {
  const walk = (directory: ByteString): void => {
    for (const base of readdirSync(diskPath(directory), { encoding: 'latin1' })) {
      const path = `${directory}/${base}`;
      const disk = diskPath(path);
      const stat = lstatSync(disk, { throwIfNoEntry: false });
      if (stat?.isDirectory()) walk(path);
      if (!stat?.isFile()) continue;
      const value = lgetXattr(disk, CAPABILITY);
      const plain = capabilityForAll(value);
      if (plain !== undefined && plain !== value) lsetXattr(disk, CAPABILITY, plain);
    }
  };
  walk(byteString(upper));
}
