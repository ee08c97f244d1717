import type { EndpointSettings } from '../../core/wire/network.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { pairs } from '../spec/pairs.ts';

export const connect = command({
  usage: '[OPTIONS] NETWORK CONTAINER',
  arity: arity.exactly(2),
  options: {
    alias: flag.list('--alias', 'Add network-scoped alias for the container', { type: 'strings' }),
    driverOpt: flag.list('--driver-opt', 'driver options for the network', { type: 'strings' }),
    gwPriority: flag.int(
      '--gw-priority',
      'Highest gw-priority provides the default gateway. Accepts positive and negative values.',
    ),
    ip: flag.string('--ip', 'IPv4 address (e.g., "172.30.100.104")'),
    ip6: flag.string('--ip6', 'IPv6 address (e.g., "2001:db8::33")'),
    link: flag.list('--link', 'Add link to another container'),
    linkLocalIp: flag.list('--link-local-ip', 'Add a link-local address for the container', { type: 'strings' }),
  },
  async run({ args, options }, context) {
    const [network = '', container = ''] = args;
    const endpoint: EndpointSettings = {};
    if (options.alias.length > 0) endpoint.Aliases = [...options.alias];
    if (options.link.length > 0) endpoint.Links = [...options.link];
    if (options.driverOpt.some((o) => !o.includes('='))) {
      throw new ExitError('invalid key/value pair format in driver options', 1);
    }
    if (options.driverOpt.length > 0) endpoint.DriverOpts = pairs(options.driverOpt);
    if (options.gwPriority !== undefined) endpoint.GwPriority = options.gwPriority;
    if (options.ip !== undefined || options.ip6 !== undefined || options.linkLocalIp.length > 0) {
      endpoint.IPAMConfig = {
        ...(options.ip === undefined ? {} : { IPv4Address: options.ip }),
        ...(options.ip6 === undefined ? {} : { IPv6Address: options.ip6 }),
        ...(options.linkLocalIp.length === 0 ? {} : { LinkLocalIPs: [...options.linkLocalIp] }),
      };
    }
    await context.client.networks.connect(network, container, endpoint);
    return 0;
  },
});

export const disconnect = command({
  usage: '[OPTIONS] NETWORK CONTAINER',
  arity: arity.exactly(2),
  options: { force: flag.bool('-f, --force', 'Force the container to disconnect from a network') },
  async run({ args, options }, context) {
    await context.client.networks.disconnect(args[0] ?? '', args[1] ?? '', options.force);
    return 0;
  },
});
