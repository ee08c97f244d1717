export type * from './contract.ts';
export { openBuilder } from './open.ts';
