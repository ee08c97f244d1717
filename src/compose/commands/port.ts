import { serviceContainers } from '../apply/observe.ts';
import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { wholeNumber } from '../flags.ts';
import { numberOf } from '../plan/labels.ts';

export default command({
  usage: 'port [OPTIONS] SERVICE PRIVATE_PORT',
  summary: 'Print the public port for a port binding',
  flags: {
    index: { names: '--index', value: 'int', help: 'Index of the container if service has multiple replicas' },
    protocol: { names: '--protocol', value: 'string', help: 'tcp or udp' },
  },
  async run(context, { flags, args }) {
    const [service, port] = args;
    if (service === undefined || port === undefined)
      throw composeUsage({ message: '"wharf compose port" requires 2 arguments: SERVICE PRIVATE_PORT' });
    const index = wholeNumber(flags.index, '--index');
    const protocol = flags.protocol ?? 'tcp';
    const containers = await serviceContainers(context.client, await context.projectName(), [service]);
    const container = containers.find((c) => index === undefined || numberOf(c) === index);
    if (!container) throw composeFailed({ message: `service "${service}" is not running` });
    const published = container.Ports.find(
      (p) => p.PrivatePort === Number(port) && p.Type === protocol && p.PublicPort !== undefined,
    );
    if (!published)
      throw composeFailed({
        message: `no port ${port}/${protocol} for container ${container.Names[0]?.slice(1) ?? container.Id}: it is not published`,
      });
    const ip = published.IP ?? '';
    context.print(`${ip.includes(':') ? `[${ip}]` : ip}:${published.PublicPort ?? 0}`);
    return 0;
  },
});
