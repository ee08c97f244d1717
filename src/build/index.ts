export type * from './contract.ts';
export { openBuilder } from './open.ts';
export { exitCodeOf } from './errors.ts';
