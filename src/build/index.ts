export type * from './contract.ts';
export { parseDuration } from './dockerfile/duration.ts';
export { parseBuildExtras } from './extras.ts';
export { openBuilder } from './open.ts';
