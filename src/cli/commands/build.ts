import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { BuildQuery } from '../../client/index.ts';
import { familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import { type Caches, fetchCaches, readCaches } from '../build/caches.ts';
import { prepareContext } from '../build/context.ts';
import { answerOf, parseCall } from '../build/describe.ts';
import { parseOutput, pushesOf, refuseSeveral, staysInEngine, writeOutput, type Output } from '../build/outputs.ts';
import { progressMode, showBuild, type Shown } from '../build/show.ts';
import { sideOf } from '../build/side-context.ts';
import { arity, command, type CommandContext } from '../command.ts';
import { proxyVariables } from '../config/config-file.ts';
import { ExitError } from '../errors.ts';
import { flag, type Values } from '../flags.ts';
import { allAuths } from '../registry-auth.ts';
import { extraHost } from '../spec/checks.ts';
import { parseUlimit } from '../../core/ulimits.ts';
import { swapBytes, ulimits } from '../spec/limits.ts';
import { pairs } from '../spec/pairs.ts';

const options = {
  allow: flag.list('--allow', 'Allow extra privileged entitlement (e.g., "network.host")'),
  addHost: flag.list('--add-host', 'Add a custom host-to-IP mapping (format: "host:ip")'),
  buildArg: flag.list('--build-arg', 'Set build-time variables'),
  buildContext: flag.list('--build-context', 'Additional build contexts (e.g., name=path)'),
  cacheFrom: flag.list('--cache-from', 'External cache sources (e.g., "user/app:cache", "type=local,src=path")'),
  cacheTo: flag.list('--cache-to', 'Cache export destinations (e.g., "type=local,dest=path")'),
  call: flag.string('--call', 'Set method for evaluating build ("check", "outline", "targets")'),
  cgroupParent: flag.string('--cgroup-parent', 'Parent cgroup of the "RUN" instructions'),
  check: flag.bool('--check', 'Shorthand for "--call=check"'),
  compress: flag.bool('--compress', 'Compress the build context', false, { hidden: true }),
  cpuPeriod: flag.int('--cpu-period', 'Limit the CPU CFS (Completely Fair Scheduler) period'),
  cpuQuota: flag.int('--cpu-quota', 'Limit the CPU CFS (Completely Fair Scheduler) quota'),
  cpuShares: flag.int('-c, --cpu-shares', 'CPU shares (relative weight)'),
  cpusetCpus: flag.string('--cpuset-cpus', 'CPUs in which to allow execution (0-3, 0,1)'),
  cpusetMems: flag.string('--cpuset-mems', 'MEMs in which to allow execution (0-3, 0,1)'),
  debugShell: flag.bool('--debug-shell', 'If a command fails, open a shell in what it left'),
  explain: flag.bool('--explain', 'Say for each step why it was cached or not, and what it adds'),
  file: flag.string('-f, --file', 'Name of the Dockerfile (default: "PATH/Dockerfile")'),
  forceRm: flag.bool('--force-rm', 'Always remove intermediate containers', false, { hidden: true }),
  iidfile: flag.string('--iidfile', 'Write the image ID to a file'),
  label: flag.list('--label', 'Set metadata for an image'),
  load: flag.bool('--load', 'Shorthand for "--output=type=docker"', false, { hidden: true }),
  memory: flag.bytes('-m, --memory', 'Memory limit of each "RUN"'),
  memorySwap: flag.string('--memory-swap', "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", {
    type: 'bytes',
    check: swapBytes,
  }),
  metadataFile: flag.string('--metadata-file', 'Write build result metadata to a file'),
  network: flag.string('--network', 'Set the networking mode for the "RUN" instructions during build', {
    default: '"default"',
  }),
  noCache: flag.bool('--no-cache', 'Do not use cache when building the image'),
  noCacheFilter: flag.list('--no-cache-filter', 'Do not cache specified stages'),
  output: flag.list('-o, --output', 'Output destination (format: "type=local,dest=path")'),
  platform: flag.string('--platform', 'Set target platform for build'),
  progress: flag.string('--progress', 'Set type of progress output ("auto", "plain", "tty", "quiet", "rawjson")', {
    default: '"auto"',
  }),
  pull: flag.bool('--pull', 'Always attempt to pull all referenced images'),
  push: flag.bool('--push', 'Shorthand for "--output=type=registry"', false, { hidden: true }),
  quiet: flag.bool('-q, --quiet', 'Suppress the build output and print image ID on success'),
  rm: flag.bool('--rm', 'Remove intermediate containers after a successful build', true, { hidden: true }),
  secret: flag.list('--secret', 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  shmSize: flag.bytes('--shm-size', 'Shared memory size for build containers'),
  squash: flag.bool('--squash', 'Squash newly built layers into a single new layer', false, { hidden: true }),
  ssh: flag.list('--ssh', 'SSH agent socket to expose to the build (format: "default|<id>[=<socket>]")'),
  tag: flag.list('-t, --tag', 'Name and optionally a tag (format: "name:tag")', { check: parseReference }),
  target: flag.string('--target', 'Set the target build stage to build'),
  ulimit: flag.list('--ulimit', 'Ulimit options of the "RUN" instructions', { type: 'ulimit', check: parseUlimit }),
};

export const build = command({
  usage: '[OPTIONS] PATH | URL | -',
  arity: arity.exactly(1),
  options,
  async run({ args, options: given }, context) {
    refuse(given);
    const outputs = [...given.output, ...(given.push ? ['type=registry'] : [])].map(parseOutput);
    const several = platformOf(given, context.env)?.includes(',') === true;
    if (several) refuseSeveral(outputs);
    const tags = [...given.tag, ...outputs.filter(staysInEngine).flatMap((o) => o.name ?? [])];
    for (const tag of tags) parseReference(tag);
    const call = parseCall(given.call, given.check);
    const builds = call.method === 'build';
    const mode = progressMode(given.progress, given.quiet, context);
    await using undo = new AsyncDisposableStack();
    const keepGitDirectory = given.buildArg.some((arg) => /^BUILDKIT_CONTEXT_KEEP_GIT_DIR=(1|t|true)$/i.test(arg));
    const source = await prepareContext(args[0] ?? '', { file: given.file, keepGitDirectory }, context, undo);
    const caches = await readCaches({ from: given.cacheFrom, to: given.cacheTo }, context);
    for (const warning of caches.warnings) context.stderr.write(`WARNING: ${warning}\n`);
    const { directories } = caches;
    const { side, extras } = await sideOf(
      { secrets: given.secret, contexts: given.buildContext, directories },
      context,
    );
    const fetched = outputs.filter((o) => !staysInEngine(o));
    const temporary = several || (fetched.length > 0 && fetched.length === outputs.length && given.tag.length === 0);
    const query: BuildQuery = {
      ...queryOf(given, caches, context),
      tags: several ? [] : tags,
      dockerfile: source.dockerfile,
      registryConfig: await allAuths(context.env),
      side,
      extras: {
        ...extras,
        events: true,
        project: `${hostname()}:${resolve(context.cwd, args[0] ?? '')}`,
        checkOnly: !builds,
        describe: call.method,
        allow: given.allow,
        dockerfileName: source.shown === '-' ? 'Dockerfile' : source.shown,
        cacheFrom: caches.from,
        cacheTo: caches.to,
        push: builds ? pushesOf(outputs, tags) : [],
        keepInCache: temporary,
        keepFailed: given.debugShell,
        noCacheStages: given.noCacheFilter.flatMap((names) => names.split(',')).map((name) => name.toLowerCase()),
        sshSockets: sshSockets(given.ssh, context),
      },
    };
    const messages = context.client.images.build(source.context, { ...query, signal: context.signal });
    const shown = await showBuild(
      messages,
      builds ? mode : 'quiet',
      { explain: given.explain && !given.quiet, tags: tags.map(fullName) },
      context,
    );
    if (!builds) {
      const answer = answerOf(call, shown, source);
      await context.print(answer.text);
      return answer.code;
    }
    await fetchCaches(caches, shown.caches, context);
    await handOver(fetched, shown, tags, temporary, context);
    // Several platforms are known together by their index only.
    const id = several ? (shown.pushed ?? shown.images.map(({ image }) => image).join('\n')) : shown.imageId;
    if (mode === 'quiet') await context.print(`${id}\n`);
    const { iidfile, metadataFile } = given;
    if (iidfile !== undefined) await writeFile(resolve(context.cwd, iidfile), id);
    if (metadataFile !== undefined) {
      const metadata = {
        ...(several ? {} : { 'containerimage.config.digest': shown.imageId }),
        'containerimage.digest': shown.pushed ?? shown.imageId,
        ...(tags.length === 0 ? {} : { 'image.name': tags.map(fullName).join(',') }),
      };
      await writeFile(resolve(context.cwd, metadataFile), `${JSON.stringify(metadata, null, 2)}\n`);
    }
    return 0;
  },
});

/** Writes the outputs; an image that was only made for them goes. */
async function handOver(
  outputs: readonly Output[],
  { imageId, images }: Shown,
  tags: readonly string[],
  temporary: boolean,
  context: CommandContext,
): Promise<void> {
  try {
    // An engine that tells no events has made one.
    const made = images.length === 0 ? [{ image: imageId, platform: '' }] : images;
    for (const output of outputs) await writeOutput(output, made, tags, context);
  } finally {
    for (const image of temporary ? new Set([imageId, ...images.map((one) => one.image)]) : []) {
      const { RepoTags } = await context.client.images.inspect(image);
      if (RepoTags.length === 0) await context.client.images.remove(image);
    }
  }
}

/** @throws {ExitError} at options that ask for what this builder does not do */
function refuse(given: Values<typeof options>): void {
  const no = (message: string) => new ExitError(message, 1);
  if (given.squash) {
    throw no(
      '--squash is not supported: put the commands into one RUN, or copy the result into a new stage (COPY --from)',
    );
  }
}

function platformOf({ platform }: Values<typeof options>, env: CommandContext['env']): string | undefined {
  return platform ?? (env['DOCKER_DEFAULT_PLATFORM'] || undefined);
}

/** `default`, `id`, `id=/path/of/socket`. The engine opens the socket itself, so both have to be on one machine. */
function sshSockets(given: readonly string[], { env, client, cwd }: CommandContext): Record<string, string> {
  if (given.length > 0 && !client.host.startsWith('unix://')) {
    throw new ExitError('--ssh needs an engine on this machine: the agent is reached by its socket', 1);
  }
  return Object.fromEntries(
    given.map((text) => {
      const [id = '', path = ''] = text.split(/=(.*)/s);
      const socket = path || env['SSH_AUTH_SOCK'];
      if (!socket)
        throw new ExitError(`--ssh ${text}: SSH_AUTH_SOCK is not set: start an agent, or give its socket`, 1);
      return [id, resolve(cwd, socket)];
    }),
  );
}

function fullName(tag: string): string {
  const ref = withDefaultTag(parseReference(tag));
  const name = familiarName(ref);
  const full = name.includes('/') ? name : `library/${name}`;
  return `${full.startsWith(ref.registry) ? full : `${ref.registry}/${full}`}:${ref.tag ?? 'latest'}`;
}

function queryOf(given: Values<typeof options>, caches: Caches, { env, config, client }: CommandContext): BuildQuery {
  const buildArgs: Record<string, string | null> = Object.fromEntries(
    given.buildArg.map((arg) => {
      const equals = arg.indexOf('=');
      return equals < 0 ? [arg, env[arg] ?? null] : [arg.slice(0, equals), arg.slice(equals + 1)];
    }),
  );
  for (const proxy of proxyVariables(config, client.host, given.buildArg)) {
    const equals = proxy.indexOf('=');
    buildArgs[proxy.slice(0, equals)] = proxy.slice(equals + 1);
  }
  if (caches.inline) buildArgs['BUILDKIT_INLINE_CACHE'] ??= '1';
  const epoch = env['SOURCE_DATE_EPOCH'];
  if (epoch && buildArgs['SOURCE_DATE_EPOCH'] === undefined) buildArgs['SOURCE_DATE_EPOCH'] = epoch;
  return {
    tags: given.tag,
    buildArgs,
    labels: pairs(given.label),
    target: given.target,
    noCache: given.noCache,
    pull: given.pull,
    networkMode: given.network,
    extraHosts: given.addHost.map(extraHost),
    cacheFrom: caches.images,
    shmSizeBytes: given.shmSize,
    ulimits: ulimits(given.ulimit),
    limits: {
      cgroupparent: given.cgroupParent,
      memory: given.memory,
      memswap: given.memorySwap === undefined ? undefined : swapBytes(given.memorySwap),
      cpushares: given.cpuShares,
      cpuquota: given.cpuQuota,
      cpuperiod: given.cpuPeriod,
      cpusetcpus: given.cpusetCpus,
      cpusetmems: given.cpusetMems,
    },
    platform: platformOf(given, env),
    removeIntermediate: given.rm,
  };
}
