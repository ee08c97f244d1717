export type * from './contract.ts';
export type * from './spec/oci-spec.ts';
export type * from './spec/input.ts';
export { openRuntime } from './open.ts';
export { buildSpec, buildExecProcess, buildResources, defaultMaskedPaths, READONLY_PATHS } from './spec/build-spec.ts';
export { resolveUser } from './spec/resolve-user.ts';
export { startFailureOf } from './errors.ts';
export { runMonitor } from './monitor/main.ts';
export { mountSharedMemory, releaseSharedMemory, sharedMemoryOf } from './shared-memory.ts';
