import { ifThere, timeoutOf } from '../apply/hands.ts';
import { graphOf, walk } from '../apply/graph.ts';
import { allOrFirst } from '../apply/all-or-first.ts';
import { runHooks } from '../apply/hooks.ts';
import { runPreStop } from '../apply/stop.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { wholeNumber } from '../flags.ts';
import { label } from '../plan/labels.ts';

export default command({
  usage: 'restart [OPTIONS] [SERVICE...]',
  summary: 'Restart service containers',
  flags: {
    noDeps: { names: '--no-deps', help: "Don't restart dependent services" },
    timeout: { names: '-t, --timeout', value: 'int', help: 'Specify a shutdown timeout in seconds' },
  },
  async run(context, { flags, args }) {
    const { client } = context;
    const { name, project } = await context.projectOrName(args);
    const timeout = timeoutOf(wholeNumber(flags.timeout, '-t, --timeout'));
    const wanted = new Set(args);
    if (args.length > 0 && !flags.noDeps) {
      for (const [service, { depends_on }] of Object.entries(project?.services ?? {})) {
        if (Object.entries(depends_on ?? {}).some(([d, { restart }]) => restart && wanted.has(d))) wanted.add(service);
      }
    }
    const containers = await serviceContainers(client, name, [...wanted]);
    using progress = context.progress('Restarting');
    const services = [...new Set(containers.map((c) => label(c, 'service') ?? ''))];
    await walk(graphOf(project, containers), services, 'dependencies-first', (service) =>
      allOrFirst(
        containers
          .filter((c) => label(c, 'service') === service)
          .map((c) =>
            progress.during(`Container ${nameOf(c)}`, 'Restarting', 'Started', async () => {
              await runPreStop(client, project, c);
              await ifThere(client.containers.restart(c.Id, timeout));
              await runHooks(client, c.Id, service, project?.services[service]?.post_start ?? []);
            }),
          ),
      ),
    );
    return 0;
  },
});
