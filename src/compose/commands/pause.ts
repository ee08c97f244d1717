import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';

export default command({
  usage: 'pause [SERVICE...]',
  summary: 'Pause services',
  flags: {},
  async run(context, { args }) {
    const { name } = await context.projectOrName(args);
    const containers = (await serviceContainers(context.client, name, args)).filter((c) => c.State === 'running');
    using progress = context.progress('Pausing');
    await allOrFirst(
      containers.map((c) =>
        progress.during(`Container ${nameOf(c)}`, 'Pausing', 'Paused', () => context.client.containers.pause(c.Id)),
      ),
    );
    return 0;
  },
});
