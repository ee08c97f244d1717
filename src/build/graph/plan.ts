import { didYouMean } from '../../core/nearest.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instructions.ts';
import { dockerfileError, stepFailed } from '../errors.ts';
import { expandWord } from '../expand/expand.ts';

/** Where files come from: `FROM`, `COPY --from`, `RUN --mount from`. */
export type Source =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly reference: string }
  /** A directory that came with the context, under this name (`--build-context`). */
  | { readonly kind: 'directory'; readonly name: string };

/** What `--build-context` names, in lower case: such a name goes before stages and images. */
export type NamedContexts = ReadonlyMap<string, Source>;

export interface PlannedStage {
  readonly stage: Stage;
  readonly base: Source;
  /** From `--platform`, expanded; `''`: the build's. */
  readonly platform: string;
  /** Number of its FROM in `Step n/m`. */
  readonly firstStep: number;
}

/** What a build has to do. Pure data: stages that the target does not need are not in it. */
export interface BuildPlan {
  readonly file: Dockerfile;
  readonly target: Stage;
  /** In the file's order, the target last. */
  readonly stages: readonly PlannedStage[];
  /** The m of `Step n/m`: global ARGs, FROMs and instructions up to the target, and the `--label` step. */
  readonly totalSteps: number;
}

/**
 * Decides which stages a build needs, and from what each begins.
 * @param scope values of the ARGs before the first FROM
 * @throws {WharfError} `DOCKERFILE_PARSE_ERROR`, `BUILD_STEP_FAILED`, with the line
 */
export function planBuild(
  file: Dockerfile,
  target: string,
  scope: ReadonlyMap<string, string | undefined>,
  extraSteps: number,
  contexts: NamedContexts = new Map(),
): BuildPlan {
  const last = findTarget(file, target);
  const all = file.stages.slice(0, last.index + 1);
  const bases = new Map<number, { base: Source; platform: string }>();
  const needed = new Set<number>();
  const visit = (index: number): void => {
    if (needed.has(index)) return;
    needed.add(index);
    const stage = all[index];
    if (stage === undefined) return;
    const resolved = resolveFrom(file, stage, scope, contexts);
    bases.set(index, resolved);
    for (const source of [resolved.base, ...sourcesOf(file, stage, contexts)])
      if (source.kind === 'stage') visit(source.index);
  };
  visit(last.index);

  let step = file.globalArgs.length + 1;
  const stages: PlannedStage[] = [];
  for (const stage of all) {
    const found = bases.get(stage.index);
    if (found !== undefined) stages.push({ stage, ...found, firstStep: step });
    step += 1 + stage.steps.length;
  }
  return { file, target: last, stages, totalSteps: step - 1 + extraSteps };
}

function findTarget(file: Dockerfile, target: string): Stage {
  const last = file.stages.at(-1);
  const named = file.stages.findLast((s) => s.name === target.toLowerCase());
  const numbered = /^\d+$/.test(target) ? file.stages[Number(target)] : undefined;
  const found = target === '' ? last : (named ?? numbered);
  if (found === undefined) {
    const near = didYouMean(
      target,
      file.stages.flatMap((s) => s.name ?? []),
    );
    throw stepFailed({ message: `target stage ${JSON.stringify(target)} could not be found${near}` });
  }
  return found;
}

function resolveFrom(
  file: Dockerfile,
  stage: Stage,
  scope: ReadonlyMap<string, string | undefined>,
  contexts: NamedContexts,
): { base: Source; platform: string } {
  const { from } = stage;
  const lookup = (name: string) => scope.get(name);
  const fail = (message: string) =>
    dockerfileError(
      { line: from.line, message },
      { at: { file: file.file, line: from.line, column: Math.max(1, from.column + from.source.indexOf(from.image)) } },
    );
  const image = expandWord(from.image, lookup, file.escape);
  if (image === '') throw fail(`base name (${from.image}) should not be blank`);
  const platform = from.platform === undefined ? '' : expandWord(from.platform, lookup, file.escape);
  const named = contexts.get(image.toLowerCase());
  if (named?.kind === 'directory') throw fail(`the build context ${image} is a directory: FROM needs an image`);
  if (named !== undefined) return { base: named, platform };
  // Of those of one name the last one before it is meant.
  const earlier = file.stages.slice(0, stage.index).findLast((s) => s.name === image.toLowerCase());
  if (earlier !== undefined) return { base: { kind: 'stage', index: earlier.index }, platform };
  if (image === 'scratch') return { base: { kind: 'scratch' }, platform };
  return { base: { kind: 'image', reference: image }, platform };
}

/**
 * What a `--from` of a stage means: an earlier stage by name or number, else an image.
 * @throws {WharfError} `BUILD_STEP_FAILED` if it is the stage itself or a later one
 */
export function resolveSource(
  file: Dockerfile,
  current: number,
  from: string,
  step: Instruction,
  contexts: NamedContexts = new Map(),
): Source {
  const given = contexts.get(from.toLowerCase());
  if (given !== undefined) return given;
  const fail = (message: string) =>
    stepFailed({ message }, { at: { file: file.file, line: step.line, column: step.column, lastLine: step.lastLine } });
  const isMeant = (s: Stage) => s.name === from.toLowerCase();
  const named = file.stages.slice(0, current).findLast(isMeant) ?? file.stages.slice(current).find(isMeant);
  const index = named?.index ?? (/^\d+$/.test(from) ? Number(from) : undefined);
  if (index === undefined) return { kind: 'image', reference: from };
  if (index === current && named !== undefined) throw fail(`circular dependency detected on stage: ${from}`);
  if (index === current) throw fail(`invalid from flag value ${from}: refers to current build stage`);
  if (index >= file.stages.length) throw fail(`invalid stage index ${from}`);
  if (index > current) {
    throw fail(`cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage`);
  }
  return { kind: 'stage', index };
}

function sourcesOf(file: Dockerfile, stage: Stage, contexts: NamedContexts): Source[] {
  return stage.steps.flatMap((step) => {
    if (step.kind === 'copy' && step.from !== undefined) {
      return [resolveSource(file, stage.index, step.from, step, contexts)];
    }
    if (step.kind !== 'run') return [];
    return step.mounts.flatMap((mount) =>
      (mount.type === 'bind' || mount.type === 'cache') && mount.from !== undefined
        ? [resolveSource(file, stage.index, mount.from, step, contexts)]
        : [],
    );
  });
}
