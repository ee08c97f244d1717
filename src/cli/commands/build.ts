import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { packContext, type BuildQuery } from '../../client/index.ts';
import { parseReference } from '../../core/reference.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag, type Values } from '../flags.ts';
import { showProgress } from '../progress.ts';
import { allAuths } from '../registry-auth.ts';
import { extraHost } from '../spec/container-request.ts';
import { pairs } from '../spec/pairs.ts';

const options = {
  addHost: flag.list('--add-host', 'Add a custom host-to-IP mapping ("host:ip")'),
  buildArg: flag.list('--build-arg', 'Set build-time variables'),
  cacheFrom: flag.list('--cache-from', 'Images to consider as cache sources'),
  file: flag.string('-f, --file', 'Name of the Dockerfile (default is "PATH/Dockerfile")'),
  forceRm: flag.bool('--force-rm', 'Always remove intermediate containers', false, { hidden: true }),
  iidfile: flag.string('--iidfile', 'Write the image ID to the file'),
  label: flag.list('--label', 'Set metadata for an image'),
  network: flag.string('--network', 'Set the networking mode for the "RUN" instructions during build', {
    default: '"default"',
  }),
  noCache: flag.bool('--no-cache', 'Do not use cache when building the image'),
  platform: flag.string('--platform', 'Set target platform for build'),
  progress: flag.string('--progress', 'Set type of progress output', { hidden: true }),
  pull: flag.bool('--pull', 'Always attempt to pull a newer version of the image'),
  quiet: flag.bool('-q, --quiet', 'Suppress the build output and print image ID on success'),
  rm: flag.bool('--rm', 'Remove intermediate containers after a successful build', true, { hidden: true }),
  shmSize: flag.bytes('--shm-size', 'Size of "/dev/shm"'),
  tag: flag.list('-t, --tag', 'Name and optionally a tag for the image ("name:tag")'),
  target: flag.string('--target', 'Set the target build stage to build'),
};

export const build = command({
  usage: '[OPTIONS] PATH | -',
  arity: arity.exactly(1),
  options,
  async run({ args, options: given }, context) {
    for (const tag of given.tag) parseReference(tag);
    await using undo = new AsyncDisposableStack();
    const source = await contextOf(args[0] ?? '', given.file, context, undo);
    const query: BuildQuery = {
      ...queryOf(given, context.env),
      ...source,
      registryConfig: await allAuths(context.env),
    };
    let id = '';
    const messages = context.client.images.build(source.tar, { ...query, signal: context.signal });
    let last = '';
    const onAux = (aux: unknown) => {
      if (typeof aux === 'object' && aux !== null && 'ID' in aux && typeof aux.ID === 'string') id = aux.ID;
    };
    try {
      if (given.quiet) {
        for await (const m of messages) {
          if (m.error !== undefined) throw new Error(m.errorDetail?.message ?? m.error);
          if (m.aux !== undefined) onAux(m.aux);
          if (m.stream !== undefined) last += m.stream;
        }
        await context.print(`${id || last.trim()}\n`);
      } else await showProgress(messages, context.stdout, onAux);
    } catch (e) {
      const code = exitCodeOf(e);
      throw code === undefined ? e : new ExitError((e as Error).message, code, e);
    }
    if (given.iidfile !== undefined) await writeFile(resolve(context.cwd, given.iidfile), id || last.trim());
    return 0;
  },
});

/** A failing RUN gives its own exit code. */
function exitCodeOf(e: unknown): number | undefined {
  const m = e instanceof Error ? /returned a non-zero code: (\d+)/.exec(e.message) : null;
  return m === null ? undefined : Number(m[1]);
}

function queryOf(given: Values<typeof options>, env: CommandContext['env']): BuildQuery {
  const buildArgs = Object.fromEntries(
    given.buildArg.map((arg) => {
      const equals = arg.indexOf('=');
      return equals < 0 ? [arg, env[arg] ?? null] : [arg.slice(0, equals), arg.slice(equals + 1)];
    }),
  );
  return {
    tags: given.tag,
    buildArgs,
    labels: pairs(given.label),
    target: given.target,
    noCache: given.noCache,
    pull: given.pull,
    quiet: given.quiet,
    networkMode: given.network,
    extraHosts: given.addHost.map(extraHost),
    cacheFrom: given.cacheFrom,
    shmSizeBytes: given.shmSize,
    platform: given.platform ?? (env['DOCKER_DEFAULT_PLATFORM'] || undefined),
    removeIntermediate: given.rm,
  };
}

/** The context to send: a folder, or with `-` a Dockerfile or a tar from stdin. */
async function contextOf(
  where: string,
  file: string | undefined,
  context: CommandContext,
  undo: AsyncDisposableStack,
): Promise<{ readonly tar: Readable; readonly dockerfile: string | undefined }> {
  if (where === '-' && file === '-')
    throw new ExitError("invalid argument: can't use stdin for both build context and dockerfile", 1);
  if (/^(https?:\/\/|git@|git:\/\/|github\.com\/)/.test(where)) {
    throw new ExitError(
      `unable to prepare context: remote contexts are not supported: ${where}; clone it and build the folder`,
      1,
    );
  }
  if (where === '-') {
    const { stdinContext } = await import('../stdin-context.ts');
    return stdinContext(context.stdin, file);
  }
  const directory = resolve(context.cwd, where);
  if (file === '-') {
    const path = join(tmpdir(), `Dockerfile.${randomBytes(8).toString('hex')}`);
    undo.defer(() => rm(path, { force: true }));
    await writeFile(path, await text(context.stdin), { mode: 0o600 });
    return packContext({ directory, dockerfile: path });
  }
  const dockerfile = file === undefined ? join(directory, 'Dockerfile') : resolve(context.cwd, file);
  return packContext({ directory, dockerfile: await existing(dockerfile, file, directory) });
}

/** `-f` is relative to where we are; a file of that name in the context is what older versions meant. */
async function existing(path: string, given: string | undefined, directory: string): Promise<string> {
  const { stat } = await import('node:fs/promises');
  const there = (p: string) =>
    stat(p).then(
      () => true,
      () => false,
    );
  if (await there(path)) return path;
  if (given !== undefined && (await there(join(directory, given)))) return join(directory, given);
  // A case that a file system elsewhere would have forgiven.
  if (given === undefined && (await there(join(directory, 'dockerfile')))) return join(directory, 'dockerfile');
  return path;
}
