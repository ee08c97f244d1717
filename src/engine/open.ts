import type { Engine, EngineOptions } from './contract.ts';

/** Opens the engine on its parts and brings the records in line with the kernel. */
export function openEngine(_options: EngineOptions): Promise<Engine> {
  throw new Error('the engine is being written');
}
