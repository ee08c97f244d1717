import { mkdtemp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { shortId } from '../../core/ids.ts';
import type { Logger } from '../../core/log.ts';
import { hostPlatform } from '../../core/platform.ts';
import type { Reference } from '../../core/reference.ts';
import { familiar, familiarName, invalidReference, parseReference, withDefaultTag } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Image } from '../../engine/index.ts';
import type { BuildCache } from '../cache/cache.ts';
import type { StepMemory } from '../cache/ingredients.ts';
import type { LayerLeases } from '../cache/leases.ts';
import { openContext } from '../context/open-context.ts';
import type { BuildRequest } from '../contract.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { describeOutline } from '../describe/outline.ts';
import { DescribedSource } from '../describe/source.ts';
import { describeTargets } from '../describe/targets.ts';
import { stepFailed } from '../errors.ts';
import { FileTree } from '../files/file-tree.ts';
import type { KnownDirectories } from '../files/known-files.ts';
import type { NamedContexts, Source } from '../graph/plan.ts';
import { planBuild } from '../graph/plan.ts';
import { globalScope, platformArgs, unusedBuildArgs } from '../graph/variables.ts';
import { checkDockerfile, refuseIfAsked } from '../check/check.ts';
import { BuildNetworks } from './build-networks.ts';
import { findBaseImage, findCacheImage, parsePlatform } from './base-images.ts';
import type { CacheMounts } from './cache-mounts.ts';
import { StackHold } from './hold.ts';
import type { Lane } from './output.ts';
import { OrderedOutput } from './output.ts';
import type { RunParts } from './run-container.ts';
import type { Session, SourceTree } from './session.ts';
import type { Reporter } from './reporter.ts';
import { Slots } from './slots.ts';
import { openSourceView } from './source-view.ts';
import { runStage } from './stage.ts';
import type { StageState } from './state.ts';
import { idOf, topOf } from './state.ts';

/** Commands of independent stages at a time, also where cores are few: most of them wait for a network or a disk. */
const LEAST_SLOTS = 4;

export interface BuildParts {
  readonly run: RunParts;
  readonly cache: BuildCache;
  readonly memory: StepMemory;
  readonly leases: LayerLeases;
  readonly cacheMounts: CacheMounts;
  /** For contexts and other files of a build under way. */
  readonly temporary: string;
  /** What is known of the files of directories that are read where they are. */
  readonly known: KnownDirectories;
  readonly log: Logger;
}

/**
 * One build: context, plan, stages side by side, image and tags. Aborted or failed, it gives back all it took; results of
 * steps that were completed stay in the cache.
 */
export async function build(
  request: BuildRequest,
  parts: BuildParts,
  onMessage: (m: ProgressMessage) => void,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<string> {
  const tags = request.tags.map(parseTag);
  const platform = request.platform === '' ? hostPlatform() : parsePlatform(request.platform, hostPlatform());
  await using undo = new AsyncDisposableStack();
  const context = undo.use(await openContext(request, parts, signal));
  const file = parseDockerfile(context.dockerfile, request.dockerfile);
  const given = {
    buildArgs: request.buildArgs,
    platform: platformArgs(hostPlatform(), platform, request.target),
  };
  const globals = globalScope(file, given);
  const labels = labelStep(request.labels);
  const contexts = namedContexts(request);
  const environmentOf = (reference: string) => {
    if (!isReference(reference)) return undefined;
    const image = parts.run.engine.images.find(reference);
    return image === undefined ? undefined : (image.config.config?.Env ?? []);
  };
  const checks = { given, ignored: context.ignored, environmentOf };
  const described = request.extras?.describe;
  if (described !== undefined) {
    const source = new DescribedSource(context.dockerfile, request.dockerfile);
    if (described === 'targets') reporter.tell({ kind: 'targets', targets: describeTargets(file, source) });
    else {
      const plan = planBuild(file, request.target, globals, labels.length, contexts);
      const outline = describeOutline({ plan, given, globals, source, environmentOf });
      reporter.tell({ kind: 'outline', outline });
    }
    return '';
  }
  if (request.extras?.checkOnly === true) {
    for (const warning of checkDockerfile(file, checks)) {
      reporter.tell({ kind: 'warning', ...warning });
    }
    planBuild(file, request.target, globals, labels.length, contexts);
    return '';
  }
  const plan = planBuild(file, request.target, globals, labels.length, contexts);
  const warnings = checkDockerfile(file, checks);
  for (const warning of warnings) reporter.tell({ kind: 'warning', ...warning });
  refuseIfAsked(file, warnings);

  reporter.tell({ kind: 'plan', file: request.dockerfile, steps: plan.totalSteps });
  const failing = new AbortController();
  const all = AbortSignal.any([signal, failing.signal]);
  const output = new OrderedOutput(onMessage);
  const prologue = output.lane();
  const lanes = new Map(plan.stages.map(({ stage }) => [stage.index, output.lane()]));
  const stages = new Map<number, Promise<StageState>>();
  const images = new Map<string, Promise<Image>>();
  const trees = new Map<string, Promise<SourceTree>>();
  let cacheImages: Promise<readonly Image[]> | undefined;
  const networks = undo.use(new BuildNetworks(parts.run.engine));
  const unfinished: Promise<void>[] = [];
  undo.defer(async () => void (await Promise.all(unfinished)));
  const slots = new Slots(Math.max(LEAST_SLOTS, availableParallelism()));

  const session: Session = {
    parts: parts.run,
    style: request.extras?.style ?? 'classic',
    cache: parts.cache,
    memory: parts.memory,
    reporter,
    made: new Set(),
    ignoresCache: (stage) => session.whyFresh(stage) !== undefined,
    whyFresh: (stage) => {
      if (request.noCache) return '--no-cache was given';
      const names = request.extras?.noCacheStages ?? [];
      const named = names.includes(String(stage.index)) || (stage.name !== undefined && names.includes(stage.name));
      return named ? '--no-cache-filter names its stage' : undefined;
    },
    cacheMounts: parts.cacheMounts,
    log: parts.log,
    request,
    file,
    plan,
    context,
    contexts,
    secrets: { ...context.side.secrets, ...request.extras?.secrets },
    given,
    globals,
    platform,
    triggerArgs: new Set(),
    signal: all,
    epochSeconds: epochOf(request),
    stage(index) {
      const known = stages.get(index);
      if (known !== undefined) return known;
      const planned = plan.stages.find((p) => p.stage.index === index);
      const lane = lanes.get(index);
      if (planned === undefined || lane === undefined) {
        throw stepFailed({
          message: `stage ${index} is used by a trigger of the base image only, which is not supported`,
        });
      }
      const running = runStage(planned, planned.stage === plan.target ? labels : [], session, lane)
        .catch((e: unknown) => {
          failing.abort(e);
          throw e;
        })
        .finally(() => lane.end());
      stages.set(index, running);
      return running;
    },
    image(reference, wanted, from, lane) {
      const asked = wanted || request.platform;
      const to = { engine: parts.run.engine, request, file: file.file, lane };
      return once(images, `${reference} ${asked}`, () => findBaseImage(reference, asked, from, to, all));
    },
    tree: (source, step, lane) =>
      once(trees, JSON.stringify(source), () => openTree(source, step, lane, session, undo)),
    hold: () => undo.use(new StackHold(parts.run.engine.parts.storage.snapshots)),
    cacheImages: (lane) =>
      (cacheImages ??= Promise.all(
        request.cacheFrom.map((name) => findCacheImage(name, request, parts.run.engine, lane, all)),
      ).then((found) => found.filter((image) => image !== undefined))),
    keepLayers: async (top) => {
      if (top !== null) await parts.leases.keep(top);
    },
    scratchDirectory: () => mkdtemp(join(context.scratch, 'scratch-')),
    networks,
    later: (work) => {
      const done = work().catch((e: unknown) => {
        parts.log.warn('what a build step left could not be removed', { error: messageOf(e) });
      });
      unfinished.push(done);
    },
    limited: (work) => slots.run(work),
  };

  for (const { source } of file.globalArgs.slice()) {
    const number = file.globalArgs.findIndex((arg) => arg.source === source) + 1;
    prologue.say(`Step ${number}/${plan.totalSteps} : ${source}`);
    prologue.say('\n');
  }
  prologue.end();
  // A stage that waits for another one fails with it: the first failure is the one that aborted the rest.
  const ended = await Promise.allSettled(plan.stages.map(({ stage }) => session.stage(stage.index)));
  if (ended.some((e) => e.status === 'rejected')) throw failing.signal.reason;
  const result = await session.stage(plan.target.index);

  const unused = unusedBuildArgs(file, request.buildArgs, session.triggerArgs);
  if (unused.length > 0) {
    onMessage({ stream: `[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n` });
  }
  const id = await keep(withInlineCache(result, request), tags, parts);
  const resultTop = topOf(result);
  if (request.extras?.keepInCache === true && resultTop !== null) await parts.leases.keep(resultTop);
  for (const { stage } of plan.stages) {
    const top = topOf(await session.stage(stage.index));
    if (top !== null && stage !== plan.target) await parts.leases.keep(top);
  }
  onMessage({ aux: { ID: id } });
  onMessage({ stream: `Successfully built ${shortId(id)}\n` });
  for (const tag of tags) onMessage({ stream: `Successfully tagged ${familiar(tag)}\n` });
  return id;
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false; // one with variables, or one that the build itself will refuse
  }
}

/** The result as `BUILDKIT_INLINE_CACHE` asks for it: it tells what its layers were made of, for `--cache-from` elsewhere. */
function withInlineCache(result: StageState, { buildArgs }: BuildRequest): StageState {
  if (!/^(1|true)$/i.test(buildArgs['BUILDKIT_INLINE_CACHE'] ?? '')) return result;
  const config = { ...result.config, 'wharf.build.cache.v1': result.keys };
  return { ...result, config, id: idOf(config) };
}

/** Gives the result to the engine, under its names. A stage that is just its base image becomes no new one. */
async function keep(result: StageState, tags: readonly Reference[], parts: BuildParts): Promise<string> {
  const { images } = parts.run.engine;
  const there = result.id === undefined ? undefined : images.find(result.id);
  if (there === undefined) {
    const made = await images.create({ config: result.config, chain: result.chain, tags: tags.map(familiar) });
    return made.id;
  }
  for (const tag of tags) await images.tag(there.id, familiarName(tag), tag.tag ?? 'latest');
  return there.id;
}

function parseTag(text: string): Reference {
  const ref = parseReference(text);
  if (ref.digest !== undefined) {
    throw invalidReference({ text, why: 'refusing to create a tag with a digest reference' });
  }
  return withDefaultTag(ref);
}

function labelStep(labels: Readonly<Record<string, string>>): Instruction[] {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return [];
  const quoted = pairs.map(([name, value]) => ({ name: quote(name), value: quote(value) }));
  const source = `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`;
  return [{ kind: 'label', pairs: quoted, line: 0, column: 0, source }];
}

/** A word that expansion gives back as it is. */
function quote(text: string): string {
  return text
    .split("'")
    .map((part) => `'${part}'`)
    .join(`"'"`);
}

function epochOf(request: BuildRequest): number | undefined {
  const text = request.buildArgs['SOURCE_DATE_EPOCH'];
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** @throws {WharfError} `BUILD_STEP_FAILED` at a kind of context that is not known */
function namedContexts({ extras }: BuildRequest): NamedContexts {
  const entries = Object.entries(extras?.namedContexts ?? {}).map(([name, value]): [string, Source] => {
    const [, scheme, rest] = /^(docker-image:\/\/|side:|here:)(.+)$/.exec(value) ?? [];
    if (scheme === undefined || rest === undefined) {
      throw stepFailed({ message: `unsupported build context ${name}: ${value}` });
    }
    const source: Source =
      scheme === 'docker-image://' ? { kind: 'image', reference: rest } : { kind: 'directory', name: rest };
    return [name.toLowerCase(), source];
  });
  return new Map(entries);
}

async function openTree(
  source: Source,
  step: Instruction,
  lane: Lane,
  session: Session,
  undo: AsyncDisposableStack,
): Promise<SourceTree> {
  if (source.kind === 'directory') {
    return { top: null, image: false, files: session.context.side.directory(source.name) };
  }
  const top = await topOfSource(source, step, lane, session);
  const view = undo.use(await openSourceView(session.parts.engine.parts.storage, top));
  return { top, image: true, files: new FileTree(view.root) };
}

async function topOfSource(
  source: Exclude<Source, { kind: 'directory' }>,
  step: Instruction,
  lane: Lane,
  session: Session,
) {
  switch (source.kind) {
    case 'scratch':
      return null;
    case 'stage':
      return topOf(await session.stage(source.index));
    case 'image':
      return (await session.image(source.reference, '', step, lane)).chain.at(-1) ?? null;
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}
