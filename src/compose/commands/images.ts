import { nameOf, serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { humanDuration, humanSize } from '../../core/human.ts';
import { table } from '../output/table.ts';
import { shortId } from '../../core/ids.ts';

export default command({
  usage: 'images [OPTIONS] [SERVICE...]',
  summary: 'List images used by the created containers',
  flags: {
    format: { names: '--format', value: 'string', help: 'Format the output. Values: [table | json]' },
    quiet: { names: '-q, --quiet', help: 'Only display IDs' },
  },
  async run(context, { flags, args }) {
    const { name } = await context.projectOrName(args);
    const containers = await serviceContainers(context.client, name, args);
    const rows = await Promise.all(
      containers.map(async (c) => {
        const image = await context.client.images.inspect(c.ImageID);
        const named = image.RepoTags.find((t) => t === c.Image || t === `${c.Image}:latest`) ?? image.RepoTags[0] ?? '';
        const colon = named.lastIndexOf(':');
        return {
          ID: image.Id,
          ContainerName: nameOf(c),
          Repository: named === '' ? '' : named.slice(0, colon),
          Tag: named === '' ? '' : named.slice(colon + 1),
          Platform: `${image.Os}/${image.Architecture}`,
          Size: image.Size,
          Created: image.Created,
          LastTagTime: image.Metadata.LastTagTime,
        };
      }),
    );
    rows.sort((a, b) => (a.ContainerName < b.ContainerName ? -1 : 1));
    if (flags.quiet) for (const id of new Set(rows.map((r) => r.ID))) context.print(id.replace('sha256:', ''));
    else if (flags.format === 'json') context.print(`${JSON.stringify(rows)}\n`);
    else {
      context.io.stdout.write(
        table(
          ['CONTAINER', 'REPOSITORY', 'TAG', 'PLATFORM', 'IMAGE ID', 'SIZE', 'CREATED'],
          rows.map((r) => [
            r.ContainerName,
            r.Repository || '<none>',
            r.Tag || '<none>',
            r.Platform,
            shortId(r.ID),
            humanSize(r.Size, 3),
            `${humanDuration((Date.now() - Date.parse(r.Created)) / 1000)} ago`,
          ]),
          20,
        ),
      );
    }
    return 0;
  },
});
