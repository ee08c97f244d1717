export type * from './contract.ts';
export { createApi } from './server.ts';
