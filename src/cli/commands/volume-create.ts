import { arity, command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags.ts';
import { pairs } from '../spec/pairs.ts';

export const create = command({
  usage: '[OPTIONS] [VOLUME]',
  arity: arity.atMost(1),
  examples: [['In memory', 'wharf volume create -o type=tmpfs -o device=tmpfs -o o=size=100m scratch']],
  options: {
    driver: flag.string('-d, --driver', 'Specify volume driver name', { default: '"local"' }),
    label: flag.list('--label', 'Set metadata for a volume'),
    name: flag.string('--name', 'Specify volume name', { hidden: true }),
    opt: flag.list('-o, --opt', 'Set driver specific options', { type: 'map', default: 'map[]' }),
  },
  async run({ args, options }, context) {
    const [positional] = args;
    if (positional !== undefined && options.name !== undefined) {
      throw new ExitError(
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
        1,
      );
    }
    const volume = await context.client.volumes.create({
      Name: positional ?? options.name ?? '',
      Driver: options.driver ?? 'local',
      DriverOpts: pairs(options.opt),
      Labels: pairs(options.label),
    });
    await context.print(`${volume.Name}\n`);
    return 0;
  },
});
