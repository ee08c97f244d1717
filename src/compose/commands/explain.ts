import type { Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { Context } from '../context.ts';
import { command, noSuchService } from '../context.ts';
import { composeFailed, composeUsage } from '../errors.ts';
import { canonical, variablesIn } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import { toYaml } from '../output/yaml.ts';

export default command({
  usage: 'explain SERVICE[.KEY...]',
  summary: 'Show where a value of the project comes from',
  flags: {
    json: { names: '--json', help: 'Print as JSON' },
  },
  async run(context, { flags, args }) {
    const [asked] = args;
    if (asked === undefined || args.length > 1)
      throw composeUsage({
        message: '"wharf compose explain" requires exactly 1 argument: SERVICE[.KEY...], such as web.environment.PORT',
      });
    const project = await context.project();
    const words = asked.replace(/^services\./, '').split('.');
    const service = Object.keys(project.services).find(
      (s) => asked.replace(/^services\./, '') === s || asked.replace(/^services\./, '').startsWith(`${s}.`),
    );
    if (service === undefined) throw noSuchService(words[0] ?? '', Object.keys(project.services));
    const key = asked.replace(/^services\./, '').slice(service.length + 1);
    const path = key === '' ? `services.${service}` : `services.${service}.${key}`;
    const value = valueAt(canonical(project)['services'], service, key);
    const places = project.origins.get(path) ?? [];
    const around = places.length > 0 ? places : nearestPlaces(project, path);
    const variables = usedBelow(project, path);
    if (value === undefined && places.length === 0) {
      const known = Object.keys(project.services[service] ?? {});
      throw composeFailed({ message: `${path} is not said anywhere, and has no value${didYouMean(key, known)}` });
    }
    if (flags.json) context.print(JSON.stringify({ path, value: value ?? null, said: around, variables }, null, 2));
    else print(context, project, path, value, places, variables);
    return 0;
  },
});

interface VariableFact {
  readonly name: string;
  readonly from: string;
  readonly value: string | undefined;
  readonly fallback: string;
  readonly at: Position;
  readonly written: string;
}

function print(
  context: Context,
  project: Project,
  path: string,
  value: unknown,
  places: readonly Position[],
  variables: readonly VariableFact[],
): void {
  const shown =
    typeof value === 'object' && value !== null
      ? `\n${toYaml(value).replace(/^(?=.)/gm, '  ')}`
      : ` ${typeof value === 'string' ? value : JSON.stringify(value ?? '(nothing)')}\n`;
  context.io.stdout.write(`${path}:${shown}`);
  if (places.length === 0) {
    const [near] = nearestPlaces(project, path).slice(-1);
    context.print(near ? `said as a part of ${spot(near)}` : 'said nowhere: a default');
  }
  for (const [i, at] of [...places].reverse().entries())
    context.print(i === 0 ? `said at ${spot(at)}` : `  over  ${spot(at)}`);
  for (const v of variables) {
    const from =
      v.value === undefined
        ? v.fallback === ''
          ? 'not set anywhere: blank'
          : `not set anywhere: the default ${JSON.stringify(v.fallback)} counts`
        : `${JSON.stringify(v.value)} from ${v.from === 'shell' ? 'the shell' : v.from}`;
    context.print(`\${${v.name}} in ${JSON.stringify(v.written)} at ${spot(v.at)}: ${from}`);
  }
}

function spot(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`;
}

function valueAt(services: unknown, service: string, key: string): unknown {
  let value = (services as Record<string, unknown>)[service];
  let rest = key;
  while (rest !== '' && typeof value === 'object' && value !== null) {
    const map = value as Record<string, unknown>;
    // Keys such as labels have dots in them: the longest that fits is meant.
    const found = Object.keys(map)
      .filter((k) => rest === k || rest.startsWith(`${k}.`))
      .sort((a, b) => b.length - a.length)[0];
    if (found === undefined) return undefined;
    value = map[found];
    rest = rest.slice(found.length + 1);
  }
  return rest === '' ? value : undefined;
}

function nearestPlaces(project: Project, path: string): readonly Position[] {
  for (let p = path; p.includes('.'); p = p.slice(0, p.lastIndexOf('.'))) {
    const found = project.origins.get(p);
    if (found) return found;
  }
  return [];
}

/** Variables in what was written at `path` or below it. */
function usedBelow(project: Project, path: string): VariableFact[] {
  return project.templates
    .filter((t) => {
      const at = t.path.replaceAll('.[', '[');
      return (
        at === path ||
        at.startsWith(`${path}.`) ||
        at.startsWith(`${path}[`) ||
        path.startsWith(`${at.replace(/\[\d+\]$/, '')}.`)
      );
    })
    .flatMap(({ text, at }) =>
      variablesIn(text).map(({ name, fallback }) => ({
        name,
        fallback,
        at,
        written: text,
        value: project.environment[name],
        from: project.variableSources.get(name) ?? (name === 'COMPOSE_PROJECT_NAME' ? 'the project' : 'shell'),
      })),
    );
}
