export type * from './contract.ts';
export { openNetworks } from './open.ts';
