export type * from './contract.ts';
export { scratchDirectory, unpackArchive } from './archive.ts';
export { diskUsageOf } from './disk-usage.ts';
export { digestMismatch, layerInUse } from './errors.ts';
export { openStorage } from './open.ts';
export { removeTree } from './remove-tree.ts';
export { decompress, withoutRareCompression } from './tar/decompress.ts';
export { throughProgram } from './tar/program.ts';
export { byteString, displayName, type EntryType, type TarEntry } from './tar/entry.ts';
export { capabilityForAll } from './tar/capability.ts';
export { paddingOf, tarHeader } from './tar/header.ts';
export { TarReader, type TarSink } from './tar/reader.ts';
/** For those who carry files in and out of containers with all that belongs to them. */
export { asOwner, lgetXattr, lsetXattr, makedev, majorOf, minorOf, mknod, S_IF } from '../linux/index.ts';
