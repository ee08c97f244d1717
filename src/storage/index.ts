export type * from './contract.ts';
export { openStorage } from './open.ts';
