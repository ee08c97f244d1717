import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { LIVE } from '../apply/stop.ts';
import { command } from '../context.ts';

export default command({
  usage: 'unpause [SERVICE...]',
  summary: 'Unpause services',
  flags: {},
  async run(context, { args }) {
    const { name } = await context.projectOrName(args);
    const containers = (await serviceContainers(context.client, name, args)).filter((c) => LIVE.has(c.State));
    using progress = context.progress('Unpausing');
    await allOrFirst(
      containers.map((c) =>
        context.client.containers.unpause(c.Id).then(() => progress.event(`Container ${nameOf(c)}`, 'Unpaused')),
      ),
    );
    return 0;
  },
});
