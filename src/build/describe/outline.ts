import type { BuildOutline, OutlineArg, OutlineMount } from '../../core/wire/build.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { expandWord, type Lookup } from '../expand/expand.ts';
import type { BuildPlan, PlannedStage } from '../graph/plan.ts';
import { type GivenArgs, StageArgs } from '../graph/variables.ts';
import type { DescribedSource } from './source.ts';

export interface OutlineInput {
  readonly plan: BuildPlan;
  readonly given: GivenArgs;
  readonly globals: ReadonlyMap<string, string | undefined>;
  readonly source: DescribedSource;
  /** The environment of an image that is here; `undefined`: not known. */
  readonly environmentOf: (reference: string) => readonly string[] | undefined;
}

/** What a stage hands on to those that continue it. */
interface Known {
  readonly args: ReadonlyMap<string, OutlineArg>;
  readonly env: readonly string[];
  readonly scope: StageArgs;
}

/**
 * What the build of a target can be given: arguments that the target and the stages it needs declare, or begin from, with the
 * values they would have; secrets and SSH agents.
 * @throws {WharfError} `EXPANSION_FAILED`
 */
export function describeOutline(input: OutlineInput): BuildOutline {
  const { plan, source } = input;
  const ends = new Map<number, Known>();
  for (const planned of plan.stages) ends.set(planned.stage.index, argsOf(planned, ends, input));
  // What the target itself says of a name goes before what other stages say of it.
  const targetFirst = plan.stages.toSorted((a, b) => b.stage.index - a.stage.index);
  const args = new Map<string, OutlineArg>();
  for (const { stage } of targetFirst) {
    for (const [name, arg] of ends.get(stage.index)?.args ?? []) if (!args.has(name)) args.set(name, arg);
  }
  const mounts = plan.stages.flatMap(({ stage }) =>
    stage.steps.flatMap((step) => (step.kind === 'run' ? step.mounts.map((mount) => ({ step, mount })) : [])),
  );
  const mountsOf = (type: 'secret' | 'ssh'): OutlineMount[] | undefined => {
    const found = new Map<string, OutlineMount>();
    for (const { step, mount } of mounts) {
      if (mount.type !== type || found.has(mount.id)) continue;
      const required = mount.required ? (true as const) : undefined;
      found.set(mount.id, { name: mount.id, required, location: source.locationOf(step) });
    }
    return inOrder(found);
  };
  const { name, from } = plan.target;
  return {
    name,
    description: name === undefined ? undefined : source.about(from, name),
    args: inOrder(args),
    secrets: mountsOf('secret'),
    ssh: mountsOf('ssh'),
    sources: [source.encoded],
  };
}

/** In the file's order; `undefined`: there is none. */
function inOrder<T extends OutlineArg | OutlineMount>(found: ReadonlyMap<string, T>): T[] | undefined {
  const lineOf = ({ location }: T) => location.ranges[0]?.start.line ?? 0;
  return found.size === 0 ? undefined : [...found.values()].toSorted((a, b) => lineOf(a) - lineOf(b));
}

function argsOf({ stage, base }: PlannedStage, ends: ReadonlyMap<number, Known>, input: OutlineInput): Known {
  const { plan, given, globals, source } = input;
  const { escape } = plan.file;
  const before = base.kind === 'stage' ? ends.get(base.index) : undefined;
  const args = new Map(before?.args);
  const env = [...(before?.env ?? (base.kind === 'image' ? input.environmentOf(base.reference) : undefined) ?? [])];
  const takeGlobal = (name: string): void => {
    const found = globalArg(name, input);
    if (found === undefined || args.has(name)) return;
    args.set(name, found.arg);
    for (const used of found.uses) takeGlobal(used);
  };
  for (const word of [stage.from.image, stage.from.platform ?? '']) {
    expandWord(
      word,
      recording(takeGlobal, (name) => globals.get(name)),
      escape,
    );
  }
  let scope = before?.scope ?? new StageArgs(globals, given);
  for (const step of stage.steps) {
    if (step.kind === 'env') {
      const lookup = scope.lookup(env);
      const set = step.pairs.map(
        ({ name, value }) => `${expandWord(name, lookup, escape)}=${expandWord(value, lookup, escape)}`,
      );
      env.push(...set);
    }
    if (step.kind !== 'arg') continue;
    for (const { name, value } of step.args) {
      const override = given.buildArgs[name] ?? undefined;
      if (value === undefined && override === undefined && globals.has(name)) takeGlobal(name);
      else {
        const ownDefault = value === undefined ? undefined : expandWord(value, scope.lookup(env), escape);
        args.set(name, argument(name, override ?? ownDefault, step, source));
      }
      scope = scope.declare({ ...step, args: [{ name, value }] }, env, escape).scope;
    }
  }
  return { args, env, scope: scope.inherited() };
}

/** An ARG before the first FROM, and the names that its default uses. */
function globalArg(name: string, { plan, globals, source }: OutlineInput) {
  const { globalArgs, escape } = plan.file;
  const step = globalArgs.findLast(({ args }) => args.some((arg) => arg.name === name));
  if (step === undefined) return undefined;
  const uses = new Set<string>();
  const fallback = step.args.find((arg) => arg.name === name)?.value;
  if (fallback !== undefined) {
    const lookup = recording(
      (used) => void uses.add(used),
      (used) => globals.get(used),
    );
    expandWord(fallback, lookup, escape);
  }
  return { arg: argument(name, globals.get(name), step, source), uses };
}

function argument(
  name: string,
  value: string | undefined,
  step: Instruction<'arg'>,
  source: DescribedSource,
): OutlineArg {
  return {
    name,
    description: source.about(step, name),
    value: value || undefined,
    location: source.locationOf(step),
  };
}

/** The lookup, telling each name that is asked for. */
function recording(onName: (name: string) => void, lookup: Lookup): Lookup {
  return (name) => {
    onName(name);
    return lookup(name);
  };
}
