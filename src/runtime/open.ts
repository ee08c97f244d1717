import type { Runtime, RuntimeOptions } from './contract.ts';

/** Starts or finds the monitor of this exec root, probes the OCI runtimes. @throws {WharfError} `NO_RUNTIME` */
export function openRuntime(_options: RuntimeOptions): Promise<Runtime> {
  throw new Error('the runtime is being written');
}
