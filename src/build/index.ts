export type * from './contract.ts';
export { parseBuildExtras } from './extras.ts';
export { openBuilder } from './open.ts';
