import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';

export default command({
  usage: 'unpause [SERVICE...]',
  summary: 'Unpause services',
  flags: {},
  async run(context, { args }) {
    const { name } = await context.projectOrName(args);
    const containers = (await serviceContainers(context.client, name, args)).filter((c) => c.State === 'paused');
    using progress = context.progress('Unpausing');
    await allOrFirst(
      containers.map((c) =>
        progress.during(`Container ${nameOf(c)}`, 'Unpausing', 'Unpaused', () =>
          context.client.containers.unpause(c.Id),
        ),
      ),
    );
    return 0;
  },
});
