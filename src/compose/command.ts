import type { ComposeIo } from './io.ts';
import { runCompose } from './main.ts';

export type { ComposeIo } from './io.ts';

/** Runs `wharf compose ARGS`; resolves to the exit code. */
export function composeCommand(args: readonly string[], io: ComposeIo): Promise<number> {
  return runCompose(args, io);
}
