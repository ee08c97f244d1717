import { up } from '../apply/up.ts';
import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { withDependencies } from '../load/index.ts';
import { parseScale } from './scale-flag.ts';

export default command({
  usage: 'scale [SERVICE=REPLICAS...]',
  summary: 'Scale services',
  flags: { noDeps: { names: '--no-deps', help: "Don't start linked services" } },
  async run(context, { flags, args }) {
    if (args.length === 0)
      throw composeUsage({ message: '"wharf compose scale" requires at least 1 argument: SERVICE=REPLICAS' });
    for (const word of args)
      if (!/^[^=]+=\d+$/.test(word))
        throw composeUsage({
          message: word.includes('=')
            ? `invalid scale specifier: can't parse replica value as int: ${word}`
            : `invalid scale specifier: ${word}`,
        });
    const project = await context.project();
    const scale = parseScale(args, project);
    const services = flags.noDeps ? new Set(scale.keys()) : withDependencies([...scale.keys()], project.services);
    using progress = context.progress('Running');
    await up(
      context.client,
      project,
      { services, named: new Set(scale.keys()), scale, parallel: context.parallel },
      progress,
      (t) => context.warn(t),
      context.io.signal,
    );
    return 0;
  },
});
