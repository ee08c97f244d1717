import { LocalBuilder } from './builder.ts';
import type { Builder, BuilderOptions } from './contract.ts';

/** Opens the builder; first removes what builds of an earlier run left behind, if that run was cut short. */
export async function openBuilder(options: BuilderOptions): Promise<Builder> {
  const builder = new LocalBuilder(options);
  await builder.sweep();
  return builder;
}
