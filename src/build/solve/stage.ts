import { shortId } from '../../core/ids.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { located } from '../errors.ts';
import type { LayerResult, StepResult } from '../cache/cache.ts';
import { cacheKey } from '../cache/cache.ts';
import type { PlannedStage } from '../graph/plan.ts';
import { StageArgs } from '../graph/variables.ts';
import { effectOf } from './effect-of.ts';
import { excerpt } from './excerpt.ts';
import type { Lane } from './output.ts';
import type { Session } from './session.ts';
import { positionOf } from './session.ts';
import type { StageState } from './state.ts';
import { advance, idOf, runConfigOf, scratchState, stateOfImage, topOf } from './state.ts';
import type { FileWork } from './step-effect.ts';
import { firstFailure } from './first-failure.ts';

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
  announce(stage.from);
  let state = await at(stage.from, session, lane, () => begin(planned, session, lane));
  lane.say(` ---> ${state.id === undefined ? '' : shortId(state.id)}\n`);
  await hold.move(topOf(state));
  state = await fireTriggers(state, planned, session, lane);
  await hold.move(topOf(state));
  for (const step of [...stage.steps, ...extra]) {
    announce(step);
    state = await at(step, session, lane, () => runStep(step, state, stage.index, session, lane));
    await hold.move(topOf(state));
    lane.say(` ---> ${shortId(state.id ?? '')}\n`);
  }
  return state;
}

async function begin(planned: PlannedStage, session: Session, lane: Lane): Promise<StageState> {
  const { base, stage } = planned;
  const args = new StageArgs(session.globals, session.given);
  switch (base.kind) {
    case 'scratch':
      return scratchState(session.platform, args);
    case 'stage':
      // A stage that continues another one sees its arguments too.
      return { ...(await session.stage(base.index)), cmdSet: false };
    case 'image':
      return stateOfImage(await session.image(base.reference, planned.platform, stage.from, lane), args);
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
    now = await at(stage.from, session, lane, async () => {
      const step = parseTrigger(text, stage.from, session.file.file);
      if (step.kind === 'arg') for (const { name } of step.args) session.triggerArgs.add(name);
      return runStep(step, now, stage.index, session, lane);
    });
    lane.say(` ---> ${shortId(now.id ?? '')}\n`);
  }
  return now;
}

async function runStep(
  step: Instruction,
  state: StageState,
  stageIndex: number,
  session: Session,
  lane: Lane,
): Promise<StageState> {
  session.signal.throwIfAborted();
  const effect = effectOf(step, state, stageIndex, session, lane);
  const { cache, request } = session;
  const base = [state.id ?? 'scratch', topOf(state), session.epochSeconds];
  const { config, author } = effect;
  const stepKey = (part: unknown) => cacheKey('step', ...base, part, config, author);

  let result: StepResult | undefined;
  let cached = true;
  if (effect.work === undefined) {
    const key = stepKey(effect.createdBy);
    result = request.noCache ? undefined : cache.findStep(key);
    if (result === undefined) {
      cached = false;
      result = advance(state, { config, author }, { layer: null, createdBy: effect.createdBy }, createdAt(session));
      cache.putStep(key, result);
    }
  } else {
    const found = await search(effect.work, (part) => stepKey(part), topOf(state), session);
    result = found.step;
    if (result === undefined) {
      let { layer } = found;
      if (layer === undefined) {
        cached = false;
        layer = reduced(await effect.work.run());
        for (const key of found.layerKeys) cache.putLayer(key, layer);
      }
      result = advance(state, { config, author }, layer, createdAt(session));
      for (const key of found.stepKeys) cache.putStep(key, result);
    }
  }
  if (cached) lane.say(' ---> Using cache\n');
  return { id: idOf(result.config), ...result, args: effect.args, cmdSet: effect.cmdSet };
}

/** Looks for an earlier result under each key, cheapest first; all keys that were tried are given for storing under them. */
async function search(
  work: FileWork,
  stepKey: (part: unknown) => string,
  top: string | null,
  session: Session,
): Promise<{ step?: StepResult; layer?: LayerResult; stepKeys: string[]; layerKeys: string[] }> {
  const { cache, request } = session;
  const stepKeys: string[] = [];
  const layerKeys: string[] = [];
  for await (const part of work.keys()) {
    stepKeys.push(stepKey(part));
    layerKeys.push(cacheKey('layer', top, session.epochSeconds, part));
    if (request.noCache) continue;
    const step = cache.findStep(stepKeys.at(-1) ?? '');
    if (step !== undefined) return { step, stepKeys, layerKeys };
    const layer = cache.findLayer(layerKeys.at(-1) ?? '');
    if (layer !== undefined) return { layer, stepKeys, layerKeys };
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
  work: () => Promise<StageState>,
): Promise<StageState> {
  try {
    return await work();
  } catch (thrown) {
    const e = firstFailure(thrown, session.log);
    if (!session.signal.aborted) lane.say(excerpt(session.file, step.line));
    throw located(e, positionOf(session, step));
  }
}
