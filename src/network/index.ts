export type * from './contract.ts';
export { serveKeeper } from './keeper/serve.ts';
export { openNetworks } from './open.ts';
