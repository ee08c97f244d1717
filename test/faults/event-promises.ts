import { api } from '../e2e/support/http.ts';
import type { SeenEvent } from './watcher.ts';
import type { Inspect, World } from './world.ts';

type Life = 'created' | 'running' | 'ended' | 'destroyed';
/** What may come after what. */
const NEXT: Readonly<Record<string, { readonly after: readonly (Life | undefined)[]; readonly becomes: Life }>> = {
  create: { after: [undefined], becomes: 'created' },
  start: { after: ['created', 'ended'], becomes: 'running' },
  die: { after: ['running'], becomes: 'ended' },
  destroy: { after: ['created', 'ended'], becomes: 'destroyed' },
};

interface Told {
  readonly name: string;
  readonly life: Life | undefined;
  readonly exitCode: string;
}

/** Events tell the whole life of every container and network, over every death of the daemon. */
export async function events(world: World): Promise<string | undefined> {
  const { watcher } = world;
  await watcher.catchUp();
  const [broken] = watcher.broken;
  if (broken !== undefined) return broken;
  const told = new Map<string, Told>();
  for (const event of watcher.seen) {
    const wrong = event.Type === 'container' ? take(told, event) : undefined;
    if (wrong !== undefined) return wrong;
  }
  const there = await world.list();
  for (const { Id, Names } of there) {
    const found = await world.find(Id);
    const wrong = found === undefined ? undefined : compare(told.get(Id), found);
    if (wrong !== undefined) return `${Names[0]}: ${wrong}`;
  }
  const ids = new Set(there.map((c) => c.Id));
  for (const [id, { name, life }] of told) {
    if (life !== 'destroyed' && !ids.has(id)) return `"${name}" is gone, and no event says so`;
  }
  return await networksTold(world);
}

function take(told: Map<string, Told>, { Action, Actor }: SeenEvent): string | undefined {
  const step = NEXT[Action];
  if (step === undefined) return undefined;
  const before = told.get(Actor.ID);
  const name = Actor.Attributes['name'] ?? '';
  if (!step.after.includes(before?.life))
    return `"${name}" is ${before?.life ?? 'not there'}, and then comes "${Action}"`;
  told.set(Actor.ID, {
    name,
    life: step.becomes,
    exitCode: Actor.Attributes['exitCode'] ?? before?.exitCode ?? '',
  });
  return undefined;
}

function compare(told: Told | undefined, { State }: Inspect): string | undefined {
  if (told === undefined) return 'no event tells of it';
  if (State.Running !== (told.life === 'running') && State.Status !== 'restarting') {
    return `is ${State.Status}, and "${told.life}" by its events`;
  }
  const failed = State.Error !== '';
  if (State.Status !== 'exited' || failed || told.exitCode === String(State.ExitCode)) return undefined;
  return `ended with ${State.ExitCode}, and with ${told.exitCode} by its events`;
}

async function networksTold(world: World): Promise<string | undefined> {
  const there = (await api(world.daemon.socket, 'GET', '/networks')) as { Id: string; Name: string }[];
  const told = new Set(
    world.watcher.seen.filter((e) => e.Type === 'network' && e.Action === 'create').map((e) => e.Actor.ID),
  );
  const untold = there.find(({ Id, Name }) => world.networks.has(Name) && !told.has(Id));
  return untold === undefined ? undefined : `no event tells that the network ${untold.Name} was made`;
}
