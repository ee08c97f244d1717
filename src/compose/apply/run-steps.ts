import { unreachable } from '../../core/errors.ts';
import { Slots } from '../../core/slots.ts';
import type { ForEachStep, Step } from '../plan/step.ts';

/**
 * Does all steps, each as soon as those that it comes after are done; steps that depend on nothing run together.
 * `places` says how many at a time.
 * After a failure no further step begins; those under way are waited for, then the first failure is thrown.
 */
export async function runSteps(
  steps: readonly Step[],
  hands: ForEachStep<Promise<void>>,
  signal: AbortSignal,
  places = new Slots(Infinity),
): Promise<void> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const running = new Map<string, Promise<boolean>>();
  const failures: unknown[] = [];
  const run = (step: Step): Promise<boolean> => {
    let promise = running.get(step.id);
    if (!promise) {
      promise = perform(step);
      running.set(step.id, promise);
    }
    return promise;
  };
  const perform = async (step: Step): Promise<boolean> => {
    const before = step.after.flatMap((id) => byId.get(id) ?? []).map(run);
    if ((await Promise.all(before)).includes(false)) return false;
    if (failures.length > 0) return false;
    try {
      signal.throwIfAborted();
      // Waiting for a service is no work: it takes no place from those who do some.
      await (step.kind === 'await' ? dispatch(step, hands) : places.run(() => dispatch(step, hands)));
      return true;
    } catch (e) {
      failures.push(e);
      return false;
    }
  };
  await Promise.all(steps.map(run));
  if (failures.length > 0) throw failures[0];
}

function dispatch(step: Step, hands: ForEachStep<Promise<void>>): Promise<void> {
  switch (step.kind) {
    case 'createNetwork':
      return hands.createNetwork(step);
    case 'replaceNetwork':
      return hands.replaceNetwork(step);
    case 'createVolume':
      return hands.createVolume(step);
    case 'create':
      return hands.create(step);
    case 'recreate':
      return hands.recreate(step);
    case 'remove':
      return hands.remove(step);
    case 'rename':
      return hands.rename(step);
    case 'stop':
      return hands.stop(step);
    case 'keep':
      return hands.keep(step);
    case 'await':
      return hands.await(step);
    case 'start':
      return hands.start(step);
    default:
      return unreachable(step);
  }
}
