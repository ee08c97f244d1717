import type { IpamPool } from '../../core/wire/network.ts';
import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { pairs } from '../spec/pairs.ts';
import { ipamPools } from '../spec/ipam.ts';

export const create = command({
  usage: '[OPTIONS] NETWORK',
  arity: arity.exactly(1),
  examples: [['With a range of its own', 'wharf network create --subnet 10.5.0.0/16 lan']],
  options: {
    attachable: flag.bool('--attachable', 'Enable manual container attachment'),
    auxAddress: flag.list('--aux-address', 'Auxiliary IPv4 or IPv6 addresses used by Network driver', {
      type: 'map',
      default: 'map[]',
    }),
    configFrom: flag.string('--config-from', 'The network from which to copy the configuration'),
    configOnly: flag.bool('--config-only', 'Create a configuration only network'),
    driver: flag.string('-d, --driver', 'Driver to manage the Network', { default: '"bridge"' }),
    gateway: flag.list('--gateway', 'IPv4 or IPv6 Gateway for the master subnet', { type: 'strings' }),
    ingress: flag.bool('--ingress', 'Create swarm routing-mesh network'),
    internal: flag.bool('--internal', 'Restrict external access to the network'),
    ipRange: flag.list('--ip-range', 'Allocate container ip from a sub-range', { type: 'strings' }),
    ipamDriver: flag.string('--ipam-driver', 'IP Address Management Driver', { default: '"default"' }),
    ipamOpt: flag.list('--ipam-opt', 'Set IPAM driver specific options', { type: 'map', default: 'map[]' }),
    ipv4: flag.bool('--ipv4', 'Enable or disable IPv4 address assignment', true),
    ipv6: flag.bool('--ipv6', 'Enable or disable IPv6 address assignment'),
    label: flag.list('--label', 'Set metadata on a network'),
    opt: flag.list('-o, --opt', 'Set driver specific options', { type: 'map', default: 'map[]' }),
    scope: flag.string('--scope', "Control the network's scope"),
    subnet: flag.list('--subnet', 'Subnet in CIDR format that represents a network segment', { type: 'strings' }),
  },
  async run({ args, options, given }, context) {
    let config: IpamPool[];
    try {
      config = ipamPools(options);
    } catch (e) {
      throw new ExitError((e as Error).message, 1, e);
    }
    const { Id, Warning } = await context.client.networks.create({
      Name: args[0] ?? '',
      CheckDuplicate: true,
      Driver: options.driver ?? 'bridge',
      Internal: options.internal,
      Attachable: options.attachable,
      ...(options.ingress ? { Ingress: true } : {}),
      ...(options.configOnly ? { ConfigOnly: true } : {}),
      ...(options.configFrom === undefined ? {} : { ConfigFrom: { Network: options.configFrom } }),
      Options: pairs(options.opt),
      Labels: pairs(options.label),
      IPAM: { Driver: options.ipamDriver ?? 'default', Options: pairs(options.ipamOpt), Config: config },
      ...(options.scope === undefined ? {} : { Scope: options.scope }),
      ...(given.has('ipv4') ? { EnableIPv4: options.ipv4 } : {}),
      ...(given.has('ipv6') ? { EnableIPv6: options.ipv6 } : {}),
    });
    if (Warning !== '') context.warn(`WARNING: ${Warning}`);
    await context.print(`${Id}\n`);
    return 0;
  },
});
