import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { LIVE } from '../apply/stop.ts';
import { command } from '../context.ts';
import { label } from '../plan/labels.ts';

export default command({
  usage: 'kill [OPTIONS] [SERVICE...]',
  summary: 'Force stop service containers',
  flags: {
    removeOrphans: {
      names: '--remove-orphans',
      help: 'Remove containers for services not defined in the Compose file',
    },
    signal: { names: '-s, --signal', value: 'string', help: 'SIGNAL to send to the container' },
  },
  async run(context, { flags, args }) {
    const { name, project } = await context.projectOrName(args);
    const all = await serviceContainers(context.client, name, args, { oneOff: true });
    const containers = all
      .filter((c) => LIVE.has(c.State))
      .filter((c) => flags.removeOrphans || !project || project.services[label(c, 'service') ?? ''] !== undefined);
    if (containers.length === 0) {
      context.status('no container to kill');
      return 0;
    }
    using progress = context.progress('Killing');
    await allOrFirst(
      containers.map((c) =>
        progress.during(`Container ${nameOf(c)}`, 'Killing', 'Killed', () =>
          context.client.containers.kill(c.Id, flags.signal ?? 'SIGKILL'),
        ),
      ),
    );
    return 0;
  },
});
