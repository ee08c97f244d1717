import { stat, unlink, writeFile } from 'node:fs/promises';
import { ApiError } from '../client/index.ts';
import { messageOf } from '../core/errors.ts';
import { familiar, parseReference, withDefaultTag } from '../core/reference.ts';
import type { ContainerCreateRequest, ContainerCreateResponse } from '../core/wire/container.ts';
import type { CommandContext } from './command.ts';
import { proxyVariables } from './config/config-file.ts';
import { errorText, ExitError } from './errors.ts';
import type { ContainerFlags } from './spec/container-flags.ts';
import { containerRequest } from './spec/container-request.ts';
import { platformOf } from './spec/platform.ts';
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
  refuseWindowsOnly(given);
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
    throw runFailure(e, path, 125);
  }
  try {
    if (!/^(sha256:)?[a-f0-9]{12,64}$/.test(image)) parseReference(image);
    const pull = options.pull ?? 'missing';
    if (!['always', 'missing', 'never'].includes(pull)) {
      const why = `invalid pull option: '${pull}': must be one of "always", "missing" or "never"`;
      throw runFailure(new Error(why), path);
    }
    if (options.cidfile !== undefined) await refuseUsedFile(options.cidfile);
    const platform = options.platform ?? context.env['DOCKER_DEFAULT_PLATFORM'];
    platformOf(platform, 'error parsing specified platform: ');
    let afterwards = async (_id: string): Promise<void> => undefined;
    if (options.useApiSocket) {
      const { withApiSocket } = await import('./api-socket.ts');
      ({ request, created: afterwards } = await withApiSocket(request, context));
    }
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
    await afterwards(created.Id);
    if (options.cidfile !== undefined) await writeFile(options.cidfile, created.Id);
    return { id: created.Id, request };
  } catch (e) {
    throw failAs === 'run' ? runFailure(e, path) : e;
  }
}

/** An error of `run` or `create` as docker prints it, with exit code 125, or 126 and 127 where the engine's words say so. */
export function runFailure(e: unknown, path: string, code = exitCodeFor(e)): ExitError {
  if (e instanceof ExitError) return e;
  return new ExitError(`wharf: ${errorText(e)}\n\nRun '${path} --help' for more information`, code, e);
}

/** What the engine's words mean for a command that could not be started. */
export function exitCodeFor(e: unknown): number {
  const text = messageOf(e);
  if (/executable file not found|no such file or directory|system cannot find the file/.test(text)) return 127;
  if (/permission denied|is a directory/i.test(text) && e instanceof ApiError) return 126;
  return 125;
}

function isMissingImage(e: unknown): boolean {
  return (
    e instanceof ApiError &&
    e.status === 404 &&
    /no such image|does not (match|provide) the specified platform/i.test(e.message)
  );
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

const WINDOWS_ONLY: Readonly<Record<string, string>> = {
  cpuCount: 'cpu-count',
  cpuPercent: 'cpu-percent',
  ioMaxBandwidth: 'io-maxbandwidth',
  ioMaxIops: 'io-maxiops',
};

function refuseWindowsOnly(given: ReadonlySet<string>): void {
  const key = Object.keys(WINDOWS_ONLY).find((k) => given.has(k));
  if (key === undefined) return;
  throw new ExitError(
    `"--${WINDOWS_ONLY[key]}" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux`,
    1,
  );
}

async function refuseUsedFile(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there === undefined) return;
  if (there.isFile() && there.size === 0) return unlink(file);
  throw new Error(`container ID file found, make sure the other container isn't running or delete ${file}`);
}
