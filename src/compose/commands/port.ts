import { command } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { oneContainer } from './one-container.ts';

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
    const protocol = flags.protocol ?? 'tcp';
    if (!/^\d+$/.test(port))
      throw composeUsage(
        { message: `strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax` },
        { hint: 'the port is a number, its protocol goes to --protocol' },
      );
    const container = await oneContainer(context, service, flags.index);
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
