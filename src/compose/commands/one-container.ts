import type { ContainerSummary } from '../../core/wire/container.ts';
import { serviceContainers } from '../apply/observe.ts';
import type { Context } from '../context.ts';
import { composeFailed } from '../errors.ts';
import { wholeNumber } from '../flags.ts';
import { numberOf } from '../plan/labels.ts';

/** The container of a service that `--index` names, else the one with the lowest number. @throws {WharfError} `COMPOSE_FAILED` */
export async function oneContainer(
  context: Context,
  service: string,
  indexFlag: string | undefined,
): Promise<ContainerSummary> {
  const index = wholeNumber(indexFlag, '--index');
  const containers = await serviceContainers(context.client, await context.projectName(), [service]);
  const found = containers.find((c) => index === undefined || numberOf(c) === index);
  if (found) return found;
  throw composeFailed({
    message:
      index === undefined || containers.length === 0
        ? `service "${service}" is not running`
        : `service "${service}" is not running container #${index}`,
  });
}

/** Runs a command of the engine's CLI, which does the same for any container. */
export async function engineCommand(context: Context, args: readonly string[]): Promise<number> {
  if (!context.io.engineCommand) throw new Error('no CLI to run engine commands with');
  return await context.io.engineCommand(args);
}
