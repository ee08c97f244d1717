export type * from './contract.ts';
export { openEngine } from './open.ts';
