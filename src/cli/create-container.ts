import { access, readFile, unlink, writeFile } from 'node:fs/promises';
import { ApiError } from '../client/index.ts';
import { messageOf } from '../core/errors.ts';
import { familiar, parseReference, withDefaultTag } from '../core/reference.ts';
import type { ContainerCreateRequest, ContainerCreateResponse } from '../core/wire/container.ts';
import type { CommandContext } from './command.ts';
import { proxyVariables } from './config/config-file.ts';
import { errorText, ExitError } from './errors.ts';
import type { ContainerFlags } from './spec/container-flags.ts';
import { containerRequest } from './spec/container-request.ts';
import { suggestionAmong } from './suggest.ts';
import { consoleSize } from './stream/session.ts';

interface Shared {
  readonly options: ContainerFlags;
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/**
 * Creates the container that a command line describes; fetches the image if that is wanted or needed.
 * @param failAs `run` adds its prefix, the line that points to help, and exit code 125; flags that cannot be read always do
 */
export async function createContainer(
  { options, given, args }: Shared,
  context: CommandContext,
  detached: boolean,
  failAs: 'run' | 'create',
): Promise<{ readonly id: string; readonly request: ContainerCreateRequest }> {
  const { client, path } = context;
  const [image = '', ...command] = args;
  let request: ContainerCreateRequest;
  try {
    request = containerRequest({
      flags: options,
      given,
      image,
      command,
      env: context.env,
      cwd: context.cwd,
      consoleSize: consoleSize(context),
      detached,
      proxies: (given) => proxyVariables(context.config, client.host, given),
    });
  } catch (e) {
    throw runFailure(e, path);
  }
  try {
    if (!/^(sha256:)?[a-f0-9]{12,64}$/.test(image)) parseReference(image);
    const pull = options.pull ?? 'missing';
    if (!['always', 'missing', 'never'].includes(pull)) {
      throw new Error(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`);
    }
    if (options.cidfile !== undefined) await refuseUsedFile(options.cidfile);
    const platform = options.platform ?? context.env['DOCKER_DEFAULT_PLATFORM'];
    const create = () =>
      client.containers.create(request, {
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(platform === undefined || platform === '' ? {} : { platform }),
      });
    if (pull === 'always') await fetchImage(image, options.quiet, platform, context);
    let created: ContainerCreateResponse;
    try {
      created = await create();
    } catch (e) {
      if (pull !== 'missing' || !isMissingImage(e)) throw e;
      if (!options.quiet)
        context.warn(`Unable to find image '${familiar(withDefaultTag(parseReference(image)))}' locally`);
      await fetchImage(image, options.quiet, platform, context).catch(async (failure: unknown) => {
        const near = await suggestionAmong('image', image, context);
        if (near !== undefined) context.warn(near);
        throw failure;
      });
      created = await create();
    }
    for (const warning of created.Warnings ?? []) context.warn(`WARNING: ${warning}`);
    if (options.cidfile !== undefined) await writeFile(options.cidfile, created.Id);
    return { id: created.Id, request };
  } catch (e) {
    throw failAs === 'run' ? runFailure(e, path) : e;
  }
}

/** An error of `run` or `create` as docker prints it, with exit code 125, or 126 and 127 where the engine's words say so. */
export function runFailure(e: unknown, path: string): ExitError {
  if (e instanceof ExitError) return e;
  return new ExitError(`wharf: ${errorText(e)}\n\nRun '${path} --help' for more information`, exitCodeFor(e), e);
}

/** What the engine's words mean for a command that could not be started. */
export function exitCodeFor(e: unknown): number {
  const text = messageOf(e);
  if (/executable file not found|no such file or directory|system cannot find the file/.test(text)) return 127;
  if (/permission denied|is a directory/i.test(text) && e instanceof ApiError) return 126;
  return 125;
}

function isMissingImage(e: unknown): boolean {
  return e instanceof ApiError && e.status === 404 && /no such image/i.test(e.message);
}

async function fetchImage(
  image: string,
  quiet: boolean,
  platform: string | undefined,
  context: CommandContext,
): Promise<void> {
  const { pullImage } = await import('./pull-image.ts');
  await pullImage(image, { quiet, platform, out: context.stderr }, context);
}

async function refuseUsedFile(file: string): Promise<void> {
  try {
    await access(file);
  } catch {
    return;
  }
  if ((await readFile(file, 'utf8')) === '') return unlink(file);
  throw new Error(`container ID file found, make sure the other container isn't running or delete ${file}`);
}
