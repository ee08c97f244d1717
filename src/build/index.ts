export type * from './contract.ts';
export { configChanges } from './changes.ts';
export { parseBuildExtras } from './extras.ts';
export { openBuilder } from './open.ts';
