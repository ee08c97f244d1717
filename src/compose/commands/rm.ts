import { createInterface } from 'node:readline/promises';
import { removeAnonymousVolumes } from '../apply/down.ts';
import { ifThere } from '../apply/hands.ts';
import { allOrFirst } from '../apply/all-or-first.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { LIVE, stopAll } from '../apply/stop.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';

export default command({
  usage: 'rm [OPTIONS] [SERVICE...]',
  summary: 'Removes stopped service containers',
  flags: {
    all: { names: '-a, --all', help: 'Accepted', hidden: true },
    force: { names: '-f, --force', help: "Don't ask to confirm removal" },
    stop: { names: '-s, --stop', help: 'Stop the containers, if required, before removing' },
    volumes: { names: '-v, --volumes', help: 'Remove any anonymous volumes attached to containers' },
  },
  async run(context, { flags, args }) {
    const { name, project } = await context.projectOrName(args);
    let containers = await serviceContainers(context.client, name, args);
    using progress = context.progress('Removing');
    if (flags.stop) {
      await stopAll(context.client, project, containers, progress, undefined);
      containers = await serviceContainers(context.client, name, args);
    }
    const stopped = containers.filter((c) => !LIVE.has(c.State));
    if (stopped.length === 0) {
      context.status('No stopped containers');
      return 0;
    }
    const going = `Going to remove ${stopped.map(nameOf).join(', ')}`;
    if (flags.force) context.print(going);
    else if (!(await confirmed(context, going))) return 0;
    await allOrFirst(
      stopped.map((c) =>
        progress.during(`Container ${nameOf(c)}`, 'Removing', 'Removed', () =>
          ifThere(context.client.containers.remove(c.Id, { volumes: flags.volumes })),
        ),
      ),
    );
    if (flags.volumes) await removeAnonymousVolumes(context.client, stopped);
    return 0;
  },
});

async function confirmed(context: Context, question: string): Promise<boolean> {
  const lines = createInterface({ input: context.io.stdin, output: context.io.stderr });
  try {
    const answer = await lines.question(`? ${question} (y/N) `, { signal: context.io.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
