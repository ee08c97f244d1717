export type * from './contract.ts';
export { cacheFilter } from './cache/filter.ts';
export { configChanges } from './changes.ts';
export { parseBuildExtras } from './extras.ts';
export { openBuilder } from './open.ts';
