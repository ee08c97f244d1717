import { command, noSuchService } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { toRun } from '../plan/to-run.ts';

export default command({
  usage: 'to-run SERVICE',
  summary: 'Write the run command for a service',
  flags: {},
  async run(context, { args }) {
    const [name] = args;
    if (name === undefined || args.length > 1)
      throw composeUsage({ message: '"wharf compose to-run" requires exactly 1 argument: SERVICE' });
    const project = await context.project([name]);
    const service = project.services[name];
    if (!service) throw noSuchService(name, Object.keys(project.services));
    context.print(toRun(project, name, service));
    return 0;
  },
});
