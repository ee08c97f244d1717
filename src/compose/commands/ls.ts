import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';
import { table } from '../output/table.ts';
import { LABEL, label } from '../plan/labels.ts';

export default command({
  usage: 'ls [OPTIONS]',
  summary: 'List running compose projects',
  flags: {
    all: { names: '-a, --all', help: 'Show all stopped Compose projects' },
    filter: { names: '--filter', value: 'string', help: 'Filter output based on conditions provided (name=REGEX)' },
    format: { names: '--format', value: 'string', help: 'Format the output. Values: [table | json]' },
    quiet: { names: '-q, --quiet', help: 'Only display project names' },
  },
  async run(context, { flags }) {
    const containers = await context.client.containers.list({ all: true, filters: { label: [LABEL.project] } });
    const [key, pattern = ''] = (flags.filter ?? 'name=').split('=');
    if (key !== 'name')
      throw composeUsage({ message: `invalid filter '${key ?? ''}'` }, { hint: 'expected name=REGEX' });
    if (flags.format !== undefined && !['json', 'table', ''].includes(flags.format))
      throw composeUsage(
        { message: `format value "${flags.format}" could not be parsed: parsing failed` },
        { hint: 'expected table or json' },
      );
    const projects = new Map<string, { states: Map<string, number>; files: Set<string> }>();
    for (const c of containers) {
      const name = label(c, 'project') ?? '';
      if (label(c, 'configHash') === undefined || !new RegExp(pattern).test(name)) continue;
      const project = projects.get(name) ?? { states: new Map<string, number>(), files: new Set<string>() };
      projects.set(name, project);
      project.states.set(c.State, (project.states.get(c.State) ?? 0) + 1);
      for (const file of (label(c, 'configFiles') ?? '').split(',')) if (file !== '') project.files.add(file);
    }
    const rows = [...projects]
      .filter(([, p]) => flags.all || p.states.has('running'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([Name, p]) => ({
        Name,
        Status: [...p.states]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([state, n]) => `${state}(${n})`)
          .join(', '),
        ConfigFiles: [...p.files].join(','),
      }));
    if (flags.quiet) for (const r of rows) context.print(r.Name);
    else if (flags.format === 'json') context.print(JSON.stringify(rows));
    else
      context.io.stdout.write(
        table(
          ['NAME', 'STATUS', 'CONFIG FILES'],
          rows.map((r) => [r.Name, r.Status, r.ConfigFiles]),
          20,
        ),
      );
    return 0;
  },
});
