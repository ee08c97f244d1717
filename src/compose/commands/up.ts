import { up } from '../apply/up.ts';
import { waitAllReady } from '../apply/wait-for.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { isTrue, wholeNumber, pullFlag } from '../flags.ts';
import { withDependencies } from '../load/index.ts';
import { attachmentFor } from './attachment.ts';
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
    menu: {
      names: '--menu',
      help: 'Enable interactive shortcuts when running attached. Incompatible with --detach. Can also be enabled/disabled by setting COMPOSE_MENU environment var',
    },
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
  async run(context, { flags, args, given }) {
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
    const wantsMenu = given.has('menu')
      ? flags.menu
      : (context.io.env['COMPOSE_MENU'] ?? '') === '' || isTrue(context.io.env['COMPOSE_MENU']);
    const attachment = detached
      ? undefined
      : attachmentFor(context, project, args, services, { ...flags, menu: wantsMenu && context.interactive });
    const signal = attachment ? AbortSignal.any([context.io.signal, attachment.interrupted]) : context.io.signal;
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
          pull: pullFlag(flags.pull),
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
            progress.mute();
            await attachment.begin();
          },
        },
        progress,
        (text) => context.warn(text),
        signal,
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
      if (!attachment || !signal.aborted) {
        await attachment?.abandon();
        throw e;
      }
    }
    if (!attachment) return 0;
    progress.close();
    return await attachment.watch(project, timeoutSeconds);
  },
});
