export type * from './contract.ts';
export { scratchDirectory, unpackArchive } from './archive.ts';
export { digestMismatch, layerInUse } from './errors.ts';
export { openStorage } from './open.ts';
