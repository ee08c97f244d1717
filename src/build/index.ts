export type * from './contract.ts';
export type * from './events.ts';
export { parseDuration } from './dockerfile/duration.ts';
export { parseBuildExtras } from './extras.ts';
export { openBuilder } from './open.ts';
