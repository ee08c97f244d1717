export type * from './contract.ts';
export { createClient } from './create-client.ts';
export { ApiError } from './errors.ts';
export { directoryContext } from './build-context.ts';
export { IgnorePatterns } from './ignore-patterns.ts';
