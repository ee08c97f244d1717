import { serviceContainers } from '../apply/observe.ts';
import { down } from '../apply/down.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';

export default command({
  usage: 'wait SERVICE [SERVICE...] [OPTIONS]',
  summary: 'Block until containers of all (or specified) services stop',
  flags: { downProject: { names: '--down-project', help: 'Drops project when the first container stops' } },
  async run(context, { flags, args }) {
    if (args.length === 0)
      throw composeUsage({ message: '"wharf compose wait" requires at least 1 argument: SERVICE' });
    const { client } = context;
    const { name, project } = await context.projectOrName(args);
    const containers = await serviceContainers(client, name, args);
    if (containers.length === 0) throw composeFailed({ message: `no containers for project "${name}"` });
    let code = 0;
    const ends = containers.map(async (c) => {
      const { done } = await client.containers.wait(c.Id, 'not-running', context.io.signal);
      const { StatusCode } = await done;
      context.print(`container "${c.Id.slice(0, 12)}" exited with status code ${StatusCode}`);
      code = StatusCode;
    });
    await (flags.downProject ? Promise.race(ends) : Promise.all(ends));
    if (flags.downProject) {
      using progress = context.progress('Running');
      await down(
        client,
        name,
        project,
        { services: [], volumes: false, removeOrphans: false, images: undefined, timeoutSeconds: undefined },
        progress,
      );
      await Promise.allSettled(ends);
    }
    return code;
  },
});
