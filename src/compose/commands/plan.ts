import { dryRun } from '../apply/dry-run.ts';
import { localImage } from '../apply/images.ts';
import { observe } from '../apply/observe.ts';
import { whyInWords } from '../apply/why-recreate.ts';
import type { Context } from '../context.ts';
import { command } from '../context.ts';
import { withDependencies } from '../load/index.ts';
import type { Project } from '../model/project.ts';
import type { ImageFacts } from '../plan/container-wish.ts';
import { imageName } from '../plan/names.ts';
import type { UpPlan } from '../plan/plan-up.ts';
import { planUp } from '../plan/plan-up.ts';
import type { Step } from '../plan/step.ts';
import { parseScale } from './scale-flag.ts';

/** What a line of the plan is about. */
interface Entry {
  readonly action: 'create' | 'recreate' | 'remove' | 'start' | 'stop' | 'pull' | 'build';
  readonly what: string;
  readonly because: readonly string[];
}

export default command({
  usage: 'plan [OPTIONS] [SERVICE...]',
  summary: 'Show what up would do, and why',
  flags: {
    build: { names: '--build', help: 'As up --build: images are built anew' },
    exitCode: { names: '--exit-code', help: 'End with 2 if there is something to do' },
    forceRecreate: { names: '--force-recreate', help: 'As up --force-recreate' },
    json: { names: '--json', help: 'Print as JSON' },
    removeOrphans: { names: '--remove-orphans', help: 'As up --remove-orphans' },
    scale: { names: '--scale', value: 'SERVICE=NUM', many: true, help: 'As up --scale' },
  },
  async run(context, { flags, args }) {
    const project = await context.project(args);
    const names = args.length > 0 ? args : Object.keys(project.services);
    const services = withDependencies(names, project.services);
    const { images, entries } = await imagesFor(context, project, [...services], flags.build);
    const observed = await observe(context.client, project);
    const plan = planUp(project, observed, {
      services,
      named: new Set(args),
      images,
      forceRecreate: flags.forceRecreate,
      removeOrphans: flags.removeOrphans,
      scale: parseScale(flags.scale, project),
    });
    for (const warning of plan.warnings) context.warn(warning);
    entries.push(...(await entriesOf(context, project, plan, images)));
    if (flags.json) context.print(JSON.stringify(entries, null, 2));
    else print(context, entries, plan);
    return flags.exitCode && entries.length > 0 ? 2 : 0;
  },
});

async function imagesFor(
  context: Context,
  project: Project,
  services: readonly string[],
  build: boolean,
): Promise<{ images: Map<string, ImageFacts>; entries: Entry[] }> {
  const images = new Map<string, ImageFacts>();
  const entries: Entry[] = [];
  for (const name of services.toSorted()) {
    const service = project.services[name] ?? {};
    const image = imageName(project, name, service);
    const there = await localImage(context.client, image);
    if (there) images.set(name, there);
    if (service.build && (build || service.pull_policy === 'build' || !there))
      entries.push({ action: 'build', what: `image ${image}`, because: there ? [] : ['it is not there'] });
    else if (!there || service.pull_policy === 'always')
      entries.push({
        action: 'pull',
        what: `image ${image}`,
        because: there ? ['pull_policy is always'] : ['it is not there'],
      });
  }
  return { images, entries };
}

async function entriesOf(
  context: Context,
  project: Project,
  plan: UpPlan,
  images: ReadonlyMap<string, ImageFacts>,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  const made = new Set<string>();
  for (const step of plan.prepare) {
    const entry = await entryOf(context, project, step, images);
    if (entry) entries.push(entry);
    if (step.kind === 'create' || step.kind === 'recreate') made.add(step.name);
  }
  for (const step of plan.start)
    if (step.kind === 'start' && !made.has(step.name))
      entries.push({ action: 'start', what: `container ${step.name}`, because: ['it does not run'] });
  return entries;
}

async function entryOf(
  context: Context,
  project: Project,
  step: Step,
  images: ReadonlyMap<string, ImageFacts>,
): Promise<Entry | undefined> {
  switch (step.kind) {
    case 'createNetwork':
      return { action: 'create', what: `network ${step.name}`, because: [] };
    case 'createVolume':
      return { action: 'create', what: `volume ${step.name}`, because: [] };
    case 'replaceNetwork':
      return { action: 'recreate', what: `network ${step.name}`, because: ['its definition changed'] };
    case 'create':
      return { action: 'create', what: `container ${step.name}`, because: [] };
    case 'recreate': {
      const definition = project.services[step.service] ?? {};
      const image = images.get(step.service) ?? { id: '', volumes: [] };
      const { service, number, name } = step;
      const because = await whyInWords(
        dryRun(context.client),
        { project, service, number, name, definition, image },
        step.container,
        step.because,
      );
      return { action: 'recreate', what: `container ${step.name}`, because };
    }
    case 'remove':
      return { action: 'remove', what: `container ${step.name}`, because: [step.because] };
    case 'stop':
      return { action: 'stop', what: `container ${step.name}`, because: ['what it depends on is replaced'] };
    default:
      return undefined;
  }
}

const MARKS = { create: '+', recreate: '~', remove: '-', start: '>', stop: '.', pull: '+', build: '+' } as const;
const COLOURS = { '+': 32, '~': 33, '-': 31, '>': 36, '.': 36 } as const;

function print(context: Context, entries: readonly Entry[], plan: UpPlan): void {
  const colour = context.ansi && context.io.stdout.isTTY === true;
  for (const { action, what, because } of entries) {
    const mark = MARKS[action];
    const line = `${mark} ${action} ${what}`;
    context.print(colour ? `\x1b[${COLOURS[mark]}m${line}\x1b[0m` : line);
    for (const reason of because) context.print(`    because ${reason}`);
  }
  for (const orphan of plan.orphans)
    context.print(
      `  ${(orphan.Names[0] ?? orphan.Id).replace(/^\//, '')} stays: its service is not in the file (--remove-orphans removes it)`,
    );
  if (entries.length === 0) context.print('Nothing to do: everything is as the files say.');
}
