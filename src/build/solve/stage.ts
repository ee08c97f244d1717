import { messageOf } from '../../core/errors.ts';
import { shortId } from '../../core/ids.ts';
import { formatPlatform } from '../../core/platform.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import type { Instruction, Stage } from '../dockerfile/instructions.ts';
import { cacheLost, CommandFailed, ContextChanged, located } from '../errors.ts';
import type { ChainId, DiffId } from '../../core/digest.ts';
import type { LayerResult, StepResult } from '../cache/cache.ts';
import type { StepOutcome } from '../remote-cache/export.ts';
import { cacheKey } from '../cache/cache.ts';
import type { PlannedStage } from '../graph/plan.ts';
import { StageArgs } from '../graph/variables.ts';
import { effectOf } from './effect-of.ts';
import { layerFromHistory } from './cache-from.ts';
import { excerpt } from './excerpt.ts';
import type { Lane } from './output.ts';
import type { StepReport } from './reporter.ts';
import type { Session } from './session.ts';
import { positionOf } from './session.ts';
import type { StageState } from './state.ts';
import { advance, idOf, inheritedState, runConfigOf, scratchState, stateOfImage, topOf } from './state.ts';
import type { FileWork } from './step-effect.ts';
import { firstFailure } from './first-failure.ts';
import { newBuildId } from './snapshot.ts';

/**
 * Builds one stage from its FROM to its last instruction.
 * @param extra instructions that the build adds at its end (`--label`)
 * @throws {WharfError} with `context.at` at the instruction that failed
 */
export async function runStage(
  planned: PlannedStage,
  extra: readonly Instruction[],
  session: Session,
  lane: Lane,
): Promise<StageState> {
  const { stage } = planned;
  const hold = session.hold();
  let number = planned.firstStep;
  const announce = (step: { readonly source: string }): void => {
    lane.say(`Step ${number++}/${session.plan.totalSteps} : ${step.source}`);
    lane.say('\n');
  };
  const names = stepNames(planned, session);
  announce(stage.from);
  const begun = session.reporter.begin({
    name: names.next(stage.from),
    metadata: !isShown(planned),
    line: stage.from.line,
  });
  let pulled = false;
  const told = session.reporter.laneOf(lane, begun);
  const fromLane: Lane = {
    ...told,
    send: (message) => {
      pulled = true;
      told.send(message);
    },
  };
  let state = await at(stage.from, session, lane, begun, () => begin(planned, session, fromLane));
  begun.end({ outcome: pulled ? 'done' : 'cached', why: pulled ? 'its image was fetched' : whyOfBase(planned) });
  lane.say(` ---> ${state.id === undefined ? '' : shortId(state.id)}\n`);
  await hold.move(heldTop(state, session));
  state = await fireTriggers(state, planned, session, lane);
  await hold.move(heldTop(state, session));
  try {
    for (const [i, step] of [...stage.steps, ...extra].entries()) {
      announce(step);
      const metadata = !MAKES_FILES.has(step.kind);
      const report = session.reporter.begin({ name: names.next(step), metadata, line: step.line });
      const slot = [...projectOf(session), stage.name ?? stage.index, i];
      const own = session.reporter.laneOf(lane, report);
      state = await at(step, session, lane, report, () => runStep(step, state, stage, slot, session, own, report));
      await hold.move(heldTop(state, session));
      lane.say(` ---> ${shortId(state.id ?? '')}\n`);
    }
  } catch (e) {
    // What was done so far is to be found by the next try, though no image has it.
    await session.keepLayers(heldTop(state, session));
    throw e;
  }
  return state;
}

/** The top of what is here: what only another cache has cannot go. */
function heldTop({ chain }: StageState, { remote }: Session) {
  return chain.findLast((chainId) => remote.isHere(chainId)) ?? null;
}

/** What tells one project's Dockerfile from another's: nothing else of it is known here. */
function projectOf({ file, request }: Session): readonly unknown[] {
  return [file.file, request.extras?.project ?? request.tags[0] ?? '', file.stages.map(({ from }) => from.source)];
}

/** So often a step is tried whose files change meanwhile. */
const MOST_TRIES = 10;

const MAKES_FILES: ReadonlySet<string> = new Set(['from', 'run', 'copy', 'add', 'workdir']);

/** Where it begins is worth a step: an image is looked for. */
function isShown({ base }: PlannedStage): boolean {
  return base.kind === 'image';
}

/** Names as BuildKit gives them: the stage, and the number among the steps that make files. */
function stepNames(planned: PlannedStage, { plan, title: platform }: Session): { next(step: Instruction): string } {
  const { stage } = planned;
  const isCounted = ({ kind }: Instruction) => MAKES_FILES.has(kind) && (kind !== 'from' || isShown(planned));
  const total = [stage.from, ...stage.steps].filter(isCounted).length;
  const title = stage.name ?? (plan.file.stages.length === 1 ? '' : `stage-${stage.index}`);
  const prefix = [platform, title].map((word) => (word === '' ? '' : `${word} `)).join('');
  let at = 0;
  return {
    next(step) {
      const text = shownOf(step);
      if (!isCounted(step)) return `[${prefix.trim() || '-'}] ${text}`;
      return `[${prefix}${String(++at).padStart(String(total).length)}/${total}] ${text}`;
    },
  };
}

/** An instruction as displays name it; a script in a here-document by its first line. */
function shownOf(step: Instruction): string {
  const text = step.source.replace(/^\S+/, (keyword) => keyword.toUpperCase());
  const script = step.kind === 'run' && step.command.form === 'shell' ? step.heredocs[0] : undefined;
  if (script === undefined || step.kind !== 'run' || step.command.form !== 'shell') return text;
  if (step.command.text !== script.word) return text;
  const [first = '', ...more] = script.body.trim().split(/\r?\n/);
  return `${text} (${first}${more.length > 0 ? '...' : ''})`;
}

function whyOfBase({ base }: PlannedStage): string {
  switch (base.kind) {
    case 'scratch':
      return 'nothing to fetch';
    case 'stage':
      return 'continues an earlier stage';
    case 'directory':
    case 'image':
      return base.kind === 'directory' ? '' : `the image ${base.reference} is here`;
  }
}

async function begin(planned: PlannedStage, session: Session, lane: Lane): Promise<StageState> {
  const { base, stage } = planned;
  const args = new StageArgs(session.globals, session.given);
  switch (base.kind) {
    case 'scratch':
      return scratchState(session.platform, args, session.style);
    case 'stage':
      // A stage that continues another one sees its arguments too.
      return inheritedState(await session.stage(base.index));
    case 'directory':
      throw new Error('a directory is no base'); // refused when the build was planned
    case 'image':
      return stateOfImage(await session.image(base.reference, planned.platform, stage.from, lane), args, session.style);
  }
}

/** ONBUILD triggers of the base run at once, and are not handed on. */
async function fireTriggers(
  state: StageState,
  { stage }: PlannedStage,
  session: Session,
  lane: Lane,
): Promise<StageState> {
  const { OnBuild: triggers, ...config } = runConfigOf(state);
  if (!triggers || triggers.length === 0) return state;
  lane.say(`# Executing ${triggers.length} build trigger${triggers.length === 1 ? '' : 's'}\n`);
  let now: StageState = { ...state, config: { ...state.config, config } };
  for (const text of triggers) {
    const report = session.reporter.begin({ name: `ONBUILD ${text}`, metadata: false, line: stage.from.line });
    const own = session.reporter.laneOf(lane, report);
    now = await at(stage.from, session, lane, report, async () => {
      const step = parseTrigger(text, stage.from, session.file.file);
      if (step.kind === 'arg') for (const { name } of step.args) session.triggerArgs.add(name);
      const slot = [...projectOf(session), stage.name ?? stage.index, 'trigger', text];
      return runStep(step, now, stage, slot, session, own, report);
    });
    lane.say(` ---> ${shortId(now.id ?? '')}\n`);
  }
  return now;
}

/** Tries once more if a file changed under it: what does so again and again is copied first. */
async function runStep(...args: Parameters<typeof tryStep>): Promise<StageState> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryStep(...args);
    } catch (e) {
      if (!(e instanceof ContextChanged) || tries === MOST_TRIES) throw e;
      e.lookAgain();
    }
  }
}

async function tryStep(
  step: Instruction,
  state: StageState,
  stage: Stage,
  slot: readonly unknown[],
  session: Session,
  lane: Lane,
  report: StepReport,
): Promise<StageState> {
  session.signal.throwIfAborted();
  const effect = effectOf(step, state, stage.index, session, lane);
  const { cache, memory, style } = session;
  const base = [style, state.id ?? `scratch ${formatPlatform(state.config)}`, topOf(state), session.epochSeconds];
  const { config, author } = effect;
  const stepKey = (part: unknown) => cacheKey('step', ...base, part, config, author);
  const fresh = session.ignoresCache(stage);

  let result: StepResult | undefined;
  let layerBytes: number | undefined;
  let why = '';
  let cached = true;
  let { keys } = state;
  if (effect.work === undefined) {
    const key = stepKey(effect.createdBy ?? step.source);
    result = fresh ? undefined : cache.findStep(key);
    why = result === undefined ? 'only describes the image' : SAME;
    if (result === undefined) {
      cached = false;
      const short = newBuildId().slice(-12);
      lane.say(` ---> Running in ${short}\n`);
      result = advance(
        state,
        { config, author, style },
        { layer: null, createdBy: effect.createdBy },
        createdAt(session),
      );
      cache.putStep(key, result);
      lane.say(` ---> Removed intermediate container ${short}\n`);
    }
  } else {
    const { work } = effect;
    const found = await search(work, (part) => stepKey(part), topOf(state), fresh, session);
    const ingredients = () => ({
      base: topOf(state) ?? 'scratch',
      instruction: step.source.slice(0, 500),
      ...work.ingredients(),
    });
    result = found.step;
    why = SAME;
    if (result === undefined) {
      let { layer } = found;
      if (layer === undefined && !fresh && style === 'classic') {
        // Its history has digests of files, which are known only when all keys are.
        layer = layerFromElsewhere(found.layerKeys, work.createdBy(), state, session);
        if (layer !== undefined) for (const key of found.layerKeys) cache.putLayer(key, layer);
      }
      why = 'only the description of what it stands on changed, which makes no difference to its files';
      if (layer === undefined) {
        cached = false;
        why = session.whyFresh(stage) ?? explained(memory.explain(slot, ingredients()), state, session);
        await session.remote.present(state.chain);
        const made = await work.run();
        layerBytes = sizeOf(made.layer, session);
        layer = reduced(made);
        if (layer.layer !== null) cache.made(layer.layer.chainId, step.source.replace(/\s+/g, ' ').slice(0, 200));
        for (const key of found.layerKeys) cache.putLayer(key, { ...layer, keys: found.layerKeys });
      }
      const layerKeys = layer.keys ?? found.layerKeys;
      result = { ...advance(state, { config, author, style }, layer, createdAt(session)), layerKeys };
      for (const key of found.stepKeys) cache.putStep(key, result);
    }
    if (cached && result.chain.length > state.chain.length) {
      const top = result.chain.at(-1);
      if (top !== undefined) {
        layerBytes = session.parts.engine.parts.storage.layers.find(top)?.sizeBytes;
        cache.used(top);
      }
    }
    const layerKeys = result.layerKeys ?? found.layerKeys;
    if (result.chain.length > state.chain.length) keys = [...keys, layerKeys];
    session.outcomes.push(outcomeOf(layerKeys, state, result));
    memory.remember(slot, found.stepKeys.at(-1) ?? '', ingredients);
  }
  if (cached) lane.say(' ---> Using cache\n');
  else if (effect.work !== undefined) session.made.add(topOf({ ...state, chain: result.chain }) ?? '');
  report.end({ outcome: cached ? 'cached' : 'done', why, layerBytes });
  return { id: idOf(result.config), ...result, keys, args: effect.args, cmdSet: effect.cmdSet };
}

/** What a cache elsewhere has of it, or an image of a classic build. */
function layerFromElsewhere(
  keys: readonly string[],
  createdBy: string,
  state: StageState,
  { remote, cacheImages }: Session,
): LayerResult | undefined {
  const layer = remote.find(keys, topOf(state));
  return layer === undefined ? layerFromHistory(cacheImages, state, createdBy) : { layer, createdBy };
}

function outcomeOf(keys: readonly string[], state: StageState, { chain, config }: StepResult): StepOutcome {
  const chainId = chain.length > state.chain.length ? chain.at(-1) : undefined;
  const diffIds = config.rootfs.diff_ids as readonly DiffId[];
  const diffId = diffIds.at(-1);
  const layer = chainId === undefined || diffId === undefined ? null : { chainId, diffId };
  return { keys, layer, parent: layer === null ? undefined : diffIds.at(-2) };
}

const SAME = 'neither it nor what it stands on changed';

/** A step whose base was made anew by this build has that as its reason. */
function explained(why: string, state: StageState, session: Session): string {
  if (!why.startsWith('what it stands on changed')) return why;
  return session.made.has(topOf(state) ?? '') ? 'a step before it was made anew' : 'its base image or stage changed';
}

function sizeOf(layer: LayerResult['layer'], session: Session): number | undefined {
  return layer === null ? undefined : session.parts.engine.parts.storage.layers.find(layer.chainId)?.sizeBytes;
}

/** Looks for an earlier result under each key, cheapest first; all keys that were tried are given for storing under them. */
async function search(
  work: FileWork,
  stepKey: (part: unknown) => string,
  top: ChainId | null,
  fresh: boolean,
  session: Session,
): Promise<{ step?: StepResult; layer?: LayerResult; stepKeys: string[]; layerKeys: string[] }> {
  const { cache } = session;
  const stepKeys: string[] = [];
  const layerKeys: string[] = [];
  for await (const part of work.keys()) {
    stepKeys.push(stepKey(part));
    layerKeys.push(cacheKey('layer', session.style, top, session.epochSeconds, part));
    if (fresh) continue;
    const step = cache.findStep(stepKeys.at(-1) ?? '');
    if (step !== undefined) return { step, stepKeys, layerKeys };
    const layerKey = layerKeys.at(-1) ?? '';
    const layer = cache.findLayer(layerKey);
    if (layer !== undefined) return { layer, stepKeys, layerKeys };
    const elsewhere = session.style === 'classic' ? undefined : session.remote.find([layerKey], top);
    if (elsewhere === undefined) continue;
    const made = { layer: elsewhere, createdBy: work.createdBy() };
    cache.putLayer(layerKey, made);
    return { layer: made, stepKeys, layerKeys };
  }
  return { stepKeys, layerKeys };
}

/** Only what the cache keeps: the store's own bookkeeping stays out of the database. */
function reduced({ layer, createdBy }: LayerResult): LayerResult {
  return { layer: layer === null ? null : { chainId: layer.chainId, diffId: layer.diffId }, createdBy };
}

function createdAt(session: Session): string {
  return new Date(session.epochSeconds === undefined ? Date.now() : session.epochSeconds * 1000).toISOString();
}

/** Does the work of one instruction; a failure shows its lines and carries its position. */
async function at(
  step: Instruction,
  session: Session,
  lane: Lane,
  report: StepReport,
  work: () => Promise<StageState>,
): Promise<StageState> {
  try {
    return await work();
  } catch (thrown) {
    const e = firstFailure(thrown, session.log);
    const outcome = session.signal.aborted || cacheLost.is(e) ? 'canceled' : 'failed';
    if (outcome === 'failed') {
      const lines = excerpt(session.file, step);
      lane.say(`${session.file.file}:${step.line} | >>> ${session.file.lines[step.line - 1]?.trim() ?? ''}\n`);
      report.end({ outcome, why: '', error: messageOf(e) });
      session.reporter.tell({
        kind: 'failure',
        excerpt: lines,
        image: e instanceof CommandFailed ? e.image : undefined,
      });
    } else report.end({ outcome, why: '' });
    throw located(e, positionOf(session, step));
  }
}
