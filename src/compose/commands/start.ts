import { graphOf, walk } from '../apply/graph.ts';
import { writeFiles } from '../apply/create-container.ts';
import { runHooks } from '../apply/hooks.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { waitAllReady, waitForService } from '../apply/wait-for.ts';
import { command } from '../context.ts';
import { composeFailed } from '../errors.ts';
import { wholeNumber } from '../flags.ts';
import { withDependencies } from '../load/index.ts';
import { refuseUnsupported } from '../plan/unsupported.ts';
import { label } from '../plan/labels.ts';

export default command({
  usage: 'start [OPTIONS] [SERVICE...]',
  summary: 'Start services',
  flags: {
    wait: { names: '--wait', help: 'Wait for services to be running|healthy' },
    waitTimeout: { names: '--wait-timeout', value: 'int', help: 'Maximum duration in seconds to wait' },
  },
  async run(context, { flags, args }) {
    const { client, io } = context;
    const { name, project } = await context.projectOrName(args);
    const wanted = project
      ? [...withDependencies(args.length > 0 ? args : Object.keys(project.services), project.services)]
      : args;
    const containers = await serviceContainers(client, name, wanted);
    const services = wanted.length > 0 ? wanted : [...new Set(containers.map((c) => label(c, 'service') ?? ''))];
    for (const service of args) {
      if (!containers.some((c) => label(c, 'service') === service))
        throw composeFailed({ message: `service "${service}" has no container to start` });
    }
    if (containers.length === 0)
      throw composeFailed({ message: `service "${services[0] ?? name}" has no container to start` });
    if (project) refuseUnsupported(project, services);
    using progress = context.progress('Running');
    await walk(graphOf(project, containers), services, 'dependencies-first', async (service) => {
      const mine = containers.filter((c) => label(c, 'service') === service && c.State !== 'running');
      if (mine.length === 0) return;
      for (const [dependency, { condition }] of Object.entries(project?.services[service]?.depends_on ?? {})) {
        if (condition !== 'service_started' && containers.some((c) => label(c, 'service') === dependency)) {
          await waitForService(client, name, dependency, condition, progress, io.signal);
        }
      }
      for (const c of mine)
        await progress.during(`Container ${nameOf(c)}`, 'Starting', 'Started', async () => {
          const definition = project?.services[service];
          if (project && definition) await writeFiles(client, c.Id, { project, service, definition });
          await client.containers.start(c.Id);
          await runHooks(client, c.Id, service, project?.services[service]?.post_start ?? []);
        });
    });
    if (flags.wait) {
      const seconds = wholeNumber(flags.waitTimeout, '--wait-timeout') ?? 0;
      const limit = seconds > 0 ? AbortSignal.any([io.signal, AbortSignal.timeout(seconds * 1000)]) : io.signal;
      try {
        await waitAllReady(client, name, services, new Set(), progress, limit);
      } catch (e) {
        if (limit.aborted && !io.signal.aborted)
          throw composeFailed({ message: `application not healthy after ${seconds}s` });
        throw e;
      }
    }
    return 0;
  },
});
