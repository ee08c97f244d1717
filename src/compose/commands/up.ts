import { Attached } from '../apply/attached.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { stopAll } from '../apply/stop.ts';
import { up } from '../apply/up.ts';
import { waitAllReady } from '../apply/wait-for.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import { messageOf } from '../../core/errors.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { isTrue, wholeNumber } from '../flags.ts';
import { withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import { displayName } from '../plan/names.ts';
import { LogPrinter } from '../output/log-printer.ts';
import { watching } from './watch.ts';
import { parseScale } from './scale-flag.ts';

export default command({
  usage: 'up [OPTIONS] [SERVICE...]',
  summary: 'Create and start containers',
  flags: {
    abortOnContainerExit: {
      names: '--abort-on-container-exit',
      help: 'Stops all containers if any container was stopped. Incompatible with -d',
    },
    abortOnContainerFailure: {
      names: '--abort-on-container-failure',
      help: 'Stops all containers if any container exited with failure. Incompatible with -d',
    },
    alwaysRecreateDeps: {
      names: '--always-recreate-deps',
      help: 'Recreate dependent containers. Incompatible with --no-recreate',
    },
    attach: {
      names: '--attach',
      value: 'stringArray',
      many: true,
      help: 'Restrict attaching to the specified services',
    },
    attachDependencies: {
      names: '--attach-dependencies',
      help: 'Automatically attach to log output of dependent services',
    },
    build: { names: '--build', help: 'Build images before starting containers' },
    detach: { names: '-d, --detach', help: 'Detached mode: Run containers in the background' },
    exitCodeFrom: {
      names: '--exit-code-from',
      value: 'string',
      help: 'Return the exit code of the selected service container. Implies --abort-on-container-exit',
    },
    forceRecreate: {
      names: '--force-recreate',
      help: "Recreate containers even if their configuration and image haven't changed",
    },
    menu: { names: '--menu', help: 'Accepted', hidden: true },
    noAttach: {
      names: '--no-attach',
      value: 'stringArray',
      many: true,
      help: 'Do not attach (stream logs) to the specified services',
    },
    noBuild: { names: '--no-build', help: "Don't build an image, even if it's policy" },
    noColor: { names: '--no-color', help: 'Produce monochrome output' },
    noDeps: { names: '--no-deps', help: "Don't start linked services" },
    noLogPrefix: { names: '--no-log-prefix', help: "Don't print prefix in logs" },
    noRecreate: {
      names: '--no-recreate',
      help: "If containers already exist, don't recreate them. Incompatible with --force-recreate",
    },
    noStart: { names: '--no-start', help: "Don't start the services after creating them" },
    pull: { names: '--pull', value: 'string', help: 'Pull image before running ("always"|"missing"|"never")' },
    quietBuild: { names: '--quiet-build', help: 'Suppress the build output' },
    quietPull: { names: '--quiet-pull', help: 'Pull without printing progress information' },
    removeOrphans: {
      names: '--remove-orphans',
      help: 'Remove containers for services not defined in the Compose file',
    },
    renewAnonVolumes: {
      names: '-V, --renew-anon-volumes',
      help: 'Recreate anonymous volumes instead of retrieving data from the previous containers',
    },
    scale: {
      names: '--scale',
      value: 'SERVICE=NUM',
      many: true,
      help: 'Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present',
    },
    timeout: {
      names: '-t, --timeout',
      value: 'int',
      help: 'Use this timeout in seconds for container shutdown when attached or when containers are already running',
    },
    timestamps: { names: '--timestamps', help: 'Show timestamps' },
    wait: { names: '--wait', help: 'Wait for services to be running|healthy. Implies detached mode' },
    waitTimeout: {
      names: '--wait-timeout',
      value: 'int',
      help: 'Maximum duration in seconds to wait for the project to be running|healthy',
    },
    watch: { names: '-w, --watch', help: 'Watch source code and rebuild/refresh containers when files are updated.' },
    yes: { names: '-y, --yes', help: 'Assume "yes" as answer to all prompts and run non-interactively' },
  },
  async run(context, { flags, args }) {
    if (flags.build && flags.noBuild) throw composeUsage({ message: '--build and --no-build are incompatible' });
    if (flags.forceRecreate && flags.noRecreate)
      throw composeUsage({ message: '--force-recreate and --no-recreate are incompatible' });
    if (flags.noRecreate && flags.renewAnonVolumes)
      throw composeUsage({ message: '--no-recreate and --renew-anon-volumes are incompatible' });
    const aborting = flags.abortOnContainerExit || flags.abortOnContainerFailure || flags.exitCodeFrom !== undefined;
    if (flags.detach && (aborting || flags.attach.length > 0 || flags.attachDependencies || flags.watch))
      throw composeUsage({
        message:
          '--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, --attach-dependencies or --watch',
      });
    if (flags.watch && flags.noBuild) throw composeUsage({ message: '--no-build and --watch are incompatible' });
    if (flags.wait && (aborting || flags.attach.length > 0 || flags.attachDependencies)) {
      throw composeUsage({
        message: '--wait cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies',
      });
    }
    const project = await context.project(args);
    const names = args.length > 0 ? args : Object.keys(project.services);
    if (names.length === 0) throw composeFailed({ message: 'no service selected' });
    if (flags.exitCodeFrom !== undefined && !project.services[flags.exitCodeFrom])
      throw composeFailed({ message: `no such service: ${flags.exitCodeFrom}` });
    const services = flags.noDeps ? new Set(args.length > 0 ? args : names) : withDependencies(names, project.services);
    const detached = flags.detach || flags.wait || flags.noStart || context.dry;
    const attachment = detached ? undefined : attachmentFor(context, project, args, services, flags);
    const timeoutSeconds = wholeNumber(flags.timeout, '-t, --timeout');
    using progress = context.progress('Running');
    try {
      await up(
        context.client,
        project,
        {
          services,
          named: new Set(args),
          build: flags.build,
          noBuild: flags.noBuild,
          pull: flags.pull,
          quietPull: flags.quietPull,
          quietBuild: flags.quietBuild,
          parallel: context.parallel,
          forceRecreate: flags.forceRecreate || flags.renewAnonVolumes,
          noRecreate: flags.noRecreate,
          alwaysRecreateDeps: flags.alwaysRecreateDeps,
          removeOrphans: flags.removeOrphans || isTrue(context.io.env['COMPOSE_REMOVE_ORPHANS']),
          ignoreOrphans: isTrue(context.io.env['COMPOSE_IGNORE_ORPHANS']),
          noStart: flags.noStart,
          scale: parseScale(flags.scale, project),
          timeoutSeconds,
          renewAnonymousVolumes: flags.renewAnonVolumes,
          ...(attachment ? { hookOutput: attachment.hookOutput } : {}),
          beforeStart: async () => {
            if (!attachment) return;
            progress.close();
            await attachment.begin();
          },
        },
        progress,
        (text) => context.warn(text),
        context.io.signal,
      );
      if (flags.wait) {
        const seconds = wholeNumber(flags.waitTimeout, '--wait-timeout') ?? 0;
        const limit =
          seconds > 0 ? AbortSignal.any([context.io.signal, AbortSignal.timeout(seconds * 1000)]) : context.io.signal;
        const mayComplete = new Set(
          Object.values(project.services).flatMap((s) =>
            Object.entries(s.depends_on ?? {}).flatMap(([d, { condition }]) =>
              condition === 'service_completed_successfully' ? [d] : [],
            ),
          ),
        );
        try {
          await waitAllReady(context.client, project.name, [...services], mayComplete, progress, limit);
        } catch (e) {
          if (limit.aborted && !context.io.signal.aborted)
            throw composeFailed({ message: `application not healthy after ${seconds}s` });
          throw e;
        }
      }
    } catch (e) {
      // Ctrl-C while they start: what runs already is stopped as later on.
      if (!attachment || !context.io.signal.aborted) {
        await attachment?.abandon();
        throw e;
      }
    }
    if (!attachment) return 0;
    progress.close();
    if (flags.watch)
      watching(context, project, names, { quiet: flags.quietBuild, prune: true }).catch((e: unknown) =>
        context.warn(messageOf(e)),
      );
    return await attachment.watch(project, timeoutSeconds);
  },
});

interface Attachment {
  readonly hookOutput: (container: string, text: Buffer) => void;
  begin(): Promise<void>;
  abandon(): Promise<void>;
  watch(project: Project, timeoutSeconds: number | undefined): Promise<number>;
}

function attachmentFor(
  context: Context,
  project: Project,
  named: readonly string[],
  selected: ReadonlySet<string>,
  flags: {
    readonly attach: readonly string[];
    readonly noAttach: readonly string[];
    readonly attachDependencies: boolean;
    readonly noColor: boolean;
    readonly noLogPrefix: boolean;
    readonly timestamps: boolean;
    readonly abortOnContainerExit: boolean;
    readonly abortOnContainerFailure: boolean;
    readonly exitCodeFrom: string | undefined;
  },
): Attachment {
  const { client, io } = context;
  const base =
    flags.attach.length > 0
      ? flags.attach
      : named.length > 0 && !flags.attachDependencies
        ? named
        : [...selected].filter((s) => project.services[s]?.attach !== false);
  const shown = new Set(base.filter((s) => !flags.noAttach.includes(s)));
  const printer = new LogPrinter(io.stdout, io.stderr, {
    prefix: !flags.noLogPrefix,
    colour: !flags.noColor && context.ansi && io.stdout.isTTY === true,
    timestamps: flags.timestamps,
  });
  const aborts = flags.abortOnContainerExit || flags.exitCodeFrom !== undefined;
  let exitCode: number | undefined;
  const enough = new AbortController();
  const attached = new Attached(client, project.name, printer, shown, ({ service, exitCode: code }) => {
    const triggers = aborts || (flags.abortOnContainerFailure && code !== 0);
    if (flags.exitCodeFrom !== undefined ? service === flags.exitCodeFrom : triggers) exitCode ??= code;
    if (triggers) enough.abort();
  });
  return {
    hookOutput(container, text) {
      const source = printer.source(`${displayName(project.name, container)} ->`, 'stdout');
      source.push(text);
      source.end();
    },
    async begin() {
      const containers = await serviceContainers(client, project.name, [...shown]);
      const names = containers.map((c) => displayName(project.name, nameOf(c)));
      io.stdout.write(`Attaching to ${names.join(', ')}\n`);
      await attached.attach(containers);
    },
    abandon: () => attached.finish(),
    async watch(current, timeoutSeconds) {
      const stopping = AbortSignal.any([io.signal, enough.signal]);
      await Promise.race([attached.untilAllEnded(), aborted(stopping)]);
      if (stopping.aborted) {
        io.stderr.write(
          io.signal.aborted
            ? 'Gracefully Stopping... press Ctrl+C again to force\n'
            : 'Aborting on container exit...\n',
        );
        using progress = context.progress('Stopping');
        await stopOrKill(context, current, [...selected], progress, timeoutSeconds);
        progress.close();
        attached.forgetUnstarted();
        await attached.untilAllEnded();
        if (flags.exitCodeFrom !== undefined) exitCode ??= await exitCodeOf(context, current.name, flags.exitCodeFrom);
      }
      await attached.finish();
      return io.signal.aborted ? 130 : (exitCode ?? 0);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Stops services gracefully; a second Ctrl-C kills them. */
async function stopOrKill(
  context: Context,
  project: Project,
  services: readonly string[],
  progress: ReturnType<Context['progress']>,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const containers = await serviceContainers(context.client, project.name, services);
  const kill = (): void => {
    for (const c of containers) context.client.containers.kill(c.Id).catch(() => undefined);
  };
  const giveBack = context.io.onSignals?.(['SIGINT', 'SIGTERM'], kill);
  try {
    await stopAll(context.client, project, containers, progress, timeoutSeconds);
  } finally {
    giveBack?.();
  }
}

async function exitCodeOf(context: Context, project: string, service: string): Promise<number> {
  const [container] = await serviceContainers(context.client, project, [service]);
  return container ? (await context.client.containers.inspect(container.Id)).State.ExitCode : 0;
}
