import type { Builder, BuilderOptions } from './contract.ts';

export function openBuilder(_options: BuilderOptions): Promise<Builder> {
  throw new Error('the builder is being written');
}
