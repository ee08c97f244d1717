import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { engineCommand, oneContainer } from './one-container.ts';

export default command({
  usage: 'attach [OPTIONS] SERVICE',
  summary: "Attach local standard input, output, and error streams to a service's running container",
  flags: {
    detachKeys: {
      names: '--detach-keys',
      value: 'string',
      help: 'Override the key sequence for detaching from a container.',
    },
    index: { names: '--index', value: 'int', help: 'index of the container if service has multiple replicas.' },
    noStdin: { names: '--no-stdin', help: 'Do not attach STDIN' },
    sigProxy: { names: '--sig-proxy', help: 'Proxy all received signals to the process (default true)' },
  },
  async run(context, { flags, args, given }) {
    const [service] = args;
    if (service === undefined || args.length > 1)
      throw composeUsage({ message: '"wharf compose attach" requires exactly 1 argument: SERVICE' });
    const container = await oneContainer(context, service, flags.index);
    return await engineCommand(context, [
      'attach',
      ...(flags.detachKeys === undefined ? [] : [`--detach-keys=${flags.detachKeys}`]),
      ...(flags.noStdin ? ['--no-stdin'] : []),
      ...(given.has('sigProxy') ? [`--sig-proxy=${flags.sigProxy}`] : []),
      container.Id,
    ]);
  },
});
