import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { inspectMissing } from './inspect-fields.ts';
import { goJson } from './print-value.ts';
import { CompiledTemplate, TemplateExecError } from './template.ts';

/** Prints one object as `--format` says: `json` or a Go template. @throws {ExitError} for a template that cannot be run */
export async function printObject(value: unknown, format: string, context: CommandContext): Promise<void> {
  if (format === 'json') return context.print(`${goJson(value, false)}\n`);
  const template = new CompiledTemplate(format, inspectMissing);
  try {
    await context.print(`${template.run(value)}\n`);
  } catch (e) {
    if (e instanceof TemplateExecError) throw new ExitError(e.message, 1, e);
    throw e;
  }
}
