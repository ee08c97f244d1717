const REVISION_MASK = 0xff000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const BYTES_3 = 24;

/**
 * The attribute security.capability for whatever user namespace a file is run in. Seen from outside, what a container with
 * mapped users gave a file says whose root it was; an archive is for all of them. (In the store the kernel keeps it for all.)
 * @see capabilities(7), Namespaced file capabilities
 */
export function capabilityForAll(value: Buffer | undefined): Buffer | undefined {
  if (value?.length !== BYTES_3) return value;
  const magic = value.readUInt32LE(0);
  if ((magic & REVISION_MASK) >>> 0 !== REVISION_3) return value;
  const plain = Buffer.from(value.subarray(0, BYTES_3 - 4));
  plain.writeUInt32LE((magic & ~REVISION_MASK) | REVISION_2, 0);
  return plain;
}
