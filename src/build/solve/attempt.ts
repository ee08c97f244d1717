import { mkdtemp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChainId } from '../../core/digest.ts';
import { messageOf } from '../../core/errors.ts';
import type { Platform } from '../../core/platform.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Image } from '../../engine/index.ts';
import type { BuildContext } from '../context/open-context.ts';
import type { BuildRequest } from '../contract.ts';
import type { Dockerfile, Instruction } from '../dockerfile/instructions.ts';
import { stepFailed } from '../errors.ts';
import { FileTree } from '../files/file-tree.ts';
import type { BuildPlan, NamedContexts, Source } from '../graph/plan.ts';
import type { GivenArgs } from '../graph/variables.ts';
import type { StepOutcome } from '../remote-cache/export.ts';
import type { CacheSource } from '../remote-cache/source.ts';
import { findBaseImage } from './base-images.ts';
import type { BuildParts } from './build-parts.ts';
import { BuildNetworks } from './build-networks.ts';
import { StackHold } from './hold.ts';
import type { Lane } from './output.ts';
import { OrderedOutput } from './output.ts';
import { RemoteLayers } from './remote-layers.ts';
import type { Reporter } from './reporter.ts';
import type { Session, SourceTree } from './session.ts';
import { Slots } from '../../core/slots.ts';
import { openSourceView } from './source-view.ts';
import { runStage } from './stage.ts';
import type { StageState } from './state.ts';
import { topOf } from './state.ts';

/** Commands of independent stages at a time, also where cores are few: most of them wait for a network or a disk. */
const LEAST_SLOTS = 4;

/** What a build is about to do. */
export interface PreparedBuild {
  readonly request: BuildRequest;
  readonly context: BuildContext;
  readonly contexts: NamedContexts;
  readonly file: Dockerfile;
  readonly plan: BuildPlan;
  readonly labels: readonly Instruction[];
  readonly given: GivenArgs;
  readonly globals: ReadonlyMap<string, string | undefined>;
  readonly platform: Platform;
  /** In front of each step's name; `''`: it is the only platform. */
  readonly title: string;
  /** What steps came to for other platforms. */
  readonly outcomes: readonly StepOutcome[];
  /** Caches of `--cache-from`. */
  readonly sources: readonly CacheSource[];
}

/**
 * Builds all stages, side by side.
 * @param undo gives back what the stages hold; their results stay as long
 * @throws {WharfError} `CACHE_LOST` if it has to be tried again without something that a cache promised
 */
export async function attempt(
  prepared: PreparedBuild,
  parts: BuildParts,
  onMessage: (m: ProgressMessage) => void,
  reporter: Reporter,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Session> {
  const { request, context, contexts, file, plan, labels, given, globals, platform, title, outcomes, sources } =
    prepared;
  const failing = new AbortController();
  const all = AbortSignal.any([signal, failing.signal]);
  const output = new OrderedOutput(onMessage);
  const prologue = output.lane();
  const lanes = new Map(plan.stages.map(({ stage }) => [stage.index, output.lane()]));
  const stages = new Map<number, Promise<StageState>>();
  const images = new Map<string, Promise<Image>>();
  const trees = new Map<string, Promise<SourceTree>>();
  const networks = undo.use(new BuildNetworks(parts.run.engine));
  const unfinished: Promise<void>[] = [];
  undo.defer(async () => void (await Promise.all(unfinished)));
  const slots = new Slots(Math.max(LEAST_SLOTS, availableParallelism()));

  const { storage } = parts.run.engine.parts;
  const holdStack = (top: ChainId) => undo.use(new StackHold(storage.snapshots)).move(top);
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
      const to = { engine: parts.run.engine, request, file, lane };
      return once(images, `${reference} ${asked}`, () => findBaseImage(reference, asked, from, to, all));
    },
    tree: (source, step, lane) =>
      once(trees, JSON.stringify(source), () => openTree(source, step, lane, session, undo)),
    hold: () => undo.use(new StackHold(parts.run.engine.parts.storage.snapshots)),
    cacheImages: request.cacheFrom.flatMap((name) => parts.run.engine.images.find(name) ?? []),
    remote: new RemoteLayers(sources, storage.layers, holdStack, all),
    outcomes: [...outcomes],
    title,
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
  return session;
}

function epochOf(request: BuildRequest): number | undefined {
  const text = request.buildArgs['SOURCE_DATE_EPOCH'];
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : undefined;
}

async function openTree(
  source: Source,
  step: Instruction,
  lane: Lane,
  session: Session,
  undo: AsyncDisposableStack,
): Promise<SourceTree> {
  if (source.kind === 'directory') {
    const files = session.context.side.directory(source.name);
    return { top: null, image: false, files: async () => files };
  }
  const top = await topOfSource(source, step, lane, session);
  // Only when it is looked into: what is known by its stack alone may be elsewhere.
  let view: Promise<FileTree> | undefined;
  const open = async () => {
    if (source.kind === 'stage') await session.remote.present((await session.stage(source.index)).chain);
    const { root } = undo.use(await openSourceView(session.parts.engine.parts.storage, top));
    return new FileTree(root);
  };
  return { top, image: true, files: () => (view ??= open()) };
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
