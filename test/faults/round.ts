import { setTimeout as wait } from 'node:timers/promises';
import { api } from '../e2e/support/http.ts';
import { ACTIONS, type Action, type ActionName } from './actions.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { brokenPromises } from './promises.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Faults that cut off whatever is under way; the others hit one client, or one kind of work, or nobody. */
const EXCUSES: Readonly<Record<FaultName, 'all' | 'build' | 'none'>> = {
  none: 'none',
  client: 'none',
  init: 'none',
  step: 'build',
  daemon: 'all',
  'daemon-twice': 'all',
  monitor: 'all',
  both: 'all',
  runtime: 'all',
  firewall: 'all',
  bridge: 'all',
  flush: 'all',
  'flush-unseen': 'all',
  cgroup: 'none',
  descriptors: 'all',
  upstream: 'none',
  clock: 'none',
  'slow-disk': 'none',
  'bridge-live': 'all',
};
const MOST_KEPT = 4;

export interface RoundReport {
  readonly fault: string;
  readonly actions: string;
  readonly broken: readonly string[];
}

/**
 * Some clients at work, one fault among them, then every promise is looked at.
 * @param isOver nobody wants to know any more: no promise is looked at
 */
export async function playRound(
  world: World,
  random: Random,
  faults: readonly FaultName[],
  isOver: () => boolean,
): Promise<RoundReport> {
  const fault = random.pick(faults);
  const started: (Action & { readonly name: ActionName })[] = [];
  const count = random.int(1, 4);
  const names: ActionName[] = [];
  for (let i = 0; i < count; i++) names.push(random.pick(Object.keys(ACTIONS) as ActionName[]));
  if (fault === 'step') names.push('build');
  for (const name of names) {
    const action = ACTIONS[name](world, random);
    if (action !== undefined) started.push({ ...action, name });
  }
  await wait(random.int(0, fault === 'none' ? 0 : 700));
  const broken: string[] = [];
  let done: string | undefined;
  try {
    done = await FAULTS[fault].strike(world, random, started);
    if (FAULTS[fault].restart) await world.daemon.start();
  } catch (e) {
    broken.push(`it does not come up again: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (broken.length === 0 && isOver()) for (const action of started) action.command.kill();
  if (broken.length === 0 && !isOver()) {
    for (const action of started) {
      const wrong = await settle(action, done === undefined ? 'none' : EXCUSES[fault]);
      if (wrong !== undefined) broken.push(wrong);
    }
    broken.push(...(await brokenPromises(world)));
    world.blind = false;
    world.startsFail = false;
    if (broken.length === 0) broken.push(...(await tidy(world)));
  }
  return { fault: done ?? `no chance for "${fault}"`, actions: started.map((a) => a.name).join(' '), broken };
}

async function settle(
  action: Action & { readonly name: ActionName },
  excuse: 'all' | 'build' | 'none',
): Promise<string | undefined> {
  const outcome = await action.command.done;
  const excused = action.command.killed || excuse === 'all' || excuse === action.name;
  if (outcome.code !== (action.expected ?? 0) || action.command.killed) {
    action.unsettled?.();
    if (outcome.timedOut) return `${action.name} hung: "${action.command.words.join(' ')}"`;
    if (excused) return undefined;
    return `${action.name} failed: "${action.command.words.join(' ')}" ended with ${outcome.code}: ${outcome.stderr}`;
  }
  const wrong = await action.settle(outcome);
  return wrong === undefined || excuse === 'all' ? undefined : `${action.name}: ${wrong}`;
}

/** Removes what nobody was told of, and the oldest of the rest. */
async function tidy(world: World): Promise<string[]> {
  const broken: string[] = [];
  const remove = async (method: string, path: string): Promise<void> => {
    try {
      await api(world.daemon.socket, method, path);
    } catch (e) {
      broken.push(`cannot be removed: ${e instanceof Error ? e.message : String(e)}`);
    }
  };
  for (const known of [world.jobs, world.stubborn]) {
    for (const name of [...known.keys()].slice(0, -MOST_KEPT)) known.delete(name);
  }
  for (const tag of [...world.images.keys()].slice(0, -MOST_KEPT)) {
    world.images.delete(tag);
    await remove('DELETE', `/images/${tag}?force=1`);
  }
  const containers = new Set(['counter', 'web', 'typist', ...world.jobs.keys(), ...world.stubborn.keys()]);
  for (const { Id, Names } of await world.list()) {
    const name = Names[0]?.slice(1) ?? '';
    if (!containers.has(name) && !name.startsWith('project-')) await remove('DELETE', `/containers/${Id}?force=1&v=1`);
  }
  const networks = (await api(world.daemon.socket, 'GET', '/networks')) as { Id: string; Name: string }[];
  for (const name of [...world.networks].slice(0, -MOST_KEPT)) world.networks.delete(name);
  const lasting = new Set(['bridge', 'host', 'none', 'lasting', 'project_default', ...world.networks]);
  for (const { Id, Name } of networks) if (!lasting.has(Name)) await remove('DELETE', `/networks/${Id}`);
  return broken;
}
