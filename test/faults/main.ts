import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { api } from '../e2e/support/http.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { isIsolated, runIsolated } from './isolation.ts';
import { leftBehind } from './kernel.ts';
import { Random } from './random.ts';
import { playRound } from './round.ts';
import { type ScenarioName, SCENARIOS } from './storage/scenarios.ts';
import { World } from './world.ts';

/** A fresh daemon and an empty store for so many rounds each. */
const ROUNDS_A_WORLD = 25;

const USAGE = `usage: npm run faults -- [--seed N] [--from N] [--rounds N] [--seconds N] [--only FAULT,...] [--keep]
       npm run faults -- --scenario NAME,... [--seed N] [--rounds N]

  --seed N       repeats a run (default: chosen anew, printed first)
  --rounds N     how many rounds (default: 20)
  --from N       the first of them (default: 1); rounds 1, 26, 51... begin with a fresh daemon
  --seconds N    no further round after so long
  --only F,...   these faults only: ${Object.keys(FAULTS).join(', ')}
  --scenario N,. faults of a small disk instead: ${Object.keys(SCENARIOS).join(', ')}
  --keep         leave the data root where it is when something broke`;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const { seed, rounds, scenarios } = options;
  if (scenarios.length === 0 && !isIsolated()) return await runIsolated();
  if (scenarios.length > 0) return await playScenarios(scenarios, seed, rounds);
  return await playWorlds(options);
}

/** Round after round; a world serves for some, so that what comes late can be repeated without all that came before. */
async function playWorlds({ seed, from, rounds, seconds, faults, keep }: Options): Promise<number> {
  const last = from + rounds - 1;
  console.log(`seed ${seed}, rounds ${from} to ${last} of ${faults.join(', ')}`);
  const begin = Date.now();
  let isTold = false;
  const isOver = (): boolean => isTold || Date.now() - begin >= seconds * 1000;
  const end = (): void => {
    isTold = true;
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  let broken = 0;
  let round = from;
  while (round <= last && broken === 0 && !isOver()) {
    const until = Math.min(last, Math.ceil(round / ROUNDS_A_WORLD) * ROUNDS_A_WORLD);
    const played = await playWorld({ seed, from: round, until, faults, keep, isOver, isTold: () => isTold });
    broken = played.broken;
    round = played.next;
  }
  const took = Math.round((Date.now() - begin) / 1000);
  console.log(`${round - from} rounds in ${took} s, ${broken} broken promises; seed ${seed}`);
  if (broken > 0) {
    const first = Math.floor((round - 2) / ROUNDS_A_WORLD) * ROUNDS_A_WORLD + 1;
    const start = Math.max(first, from);
    console.log(`again: npm run faults -- --seed ${seed} --from ${start} --rounds ${round - start}`);
  }
  return broken === 0 ? 0 : 1;
}

interface Played {
  readonly broken: number;
  /** The first round that was not played. */
  readonly next: number;
}

/** A fresh daemon, some rounds, and nothing left. */
async function playWorld(
  options: Pick<Options, 'seed' | 'from' | 'faults' | 'keep'> & {
    readonly until: number;
    readonly isOver: () => boolean;
    readonly isTold: () => boolean;
  },
): Promise<Played> {
  const { seed, from, until, faults, keep, isOver, isTold } = options;
  const world = new World();
  let broken = 0;
  let next = from;
  try {
    await world.open();
    for (; next <= until && broken === 0 && !isOver(); next++) {
      const start = Date.now();
      const report = await playRound(world, new Random(seed * 100_003 + next), faults, isTold);
      const ms = `${Date.now() - start} ms`.padStart(8);
      console.log(`${String(next).padStart(4)} ${ms}  ${report.fault}  [${report.actions}]`);
      for (const wrong of report.broken) console.log(`      BROKEN ${wrong}`);
      broken = report.broken.length;
    }
    if (broken > 0)
      console.log(`--- the daemon's last words ---\n${world.daemon.log.split('\n').slice(-40).join('\n')}`);
  } catch (e) {
    console.log(`      BROKEN ${e instanceof Error ? e.message : String(e)}`);
    broken++;
  } finally {
    broken += (await close(world)).length;
    if (!keep || broken === 0) rmSync(world.directory, { recursive: true, force: true });
    else console.log(`kept: ${world.directory}`);
  }
  return { broken, next };
}

async function playScenarios(names: readonly ScenarioName[], seed: number, rounds: number): Promise<number> {
  console.log(`seed ${seed}, ${rounds} rounds of ${names.join(', ')}`);
  let count = 0;
  for (const name of names) {
    const begin = Date.now();
    const broken = await SCENARIOS[name](new Random(seed), rounds);
    console.log(`${name}: ${broken.length === 0 ? 'well' : 'BROKEN'} (${Math.round((Date.now() - begin) / 1000)} s)`);
    count += broken.length;
  }
  return count === 0 ? 0 : 1;
}

interface Options {
  readonly seed: number;
  readonly from: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly faults: readonly FaultName[];
  readonly keep: boolean;
  readonly scenarios: readonly ScenarioName[];
}

/** @returns what is wrong with them, if anything */
function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string' },
        from: { type: 'string', default: '1' },
        rounds: { type: 'string', default: '20' },
        seconds: { type: 'string', default: '1000000' },
        only: { type: 'string' },
        scenario: { type: 'string' },
        keep: { type: 'boolean', default: false },
      },
    });
    const number = (name: string, text: string): number => {
      if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is no whole number`);
      return Number(text);
    };
    const faults = values.only?.split(',') ?? Object.keys(FAULTS);
    const unknown = faults.find((name) => !Object.hasOwn(FAULTS, name));
    if (unknown !== undefined) throw new Error(`--only: there is no fault "${unknown}"`);
    const scenarios = values.scenario?.split(',') ?? [];
    const strange = scenarios.find((name) => !Object.hasOwn(SCENARIOS, name));
    if (strange !== undefined) throw new Error(`--scenario: there is no scenario "${strange}"`);
    return {
      scenarios: scenarios as ScenarioName[],
      seed: number('seed', values.seed ?? String(Date.now() % 1_000_000)),
      from: Math.max(1, number('from', values.from)),
      rounds: number('rounds', values.rounds),
      seconds: number('seconds', values.seconds),
      faults: faults as FaultName[],
      keep: values.keep,
    };
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}

/** Removes everything through the API, stops the daemon, and tells what is there nevertheless. */
async function close(world: World): Promise<string[]> {
  const left: string[] = [];
  try {
    if (world.daemon.hasEnded) await world.daemon.start();
    for (const { Id } of await world.list()) await api(world.daemon.socket, 'DELETE', `/containers/${Id}?force=1&v=1`);
    const networks = (await api(world.daemon.socket, 'GET', '/networks')) as { Id: string; Name: string }[];
    for (const { Id, Name } of networks) {
      world.bridges.add(`br-${Id.slice(0, 12)}`);
      if (!['bridge', 'host', 'none'].includes(Name)) await api(world.daemon.socket, 'DELETE', `/networks/${Id}`);
    }
    world.bridges.add(`wh-${world.instance}0`);
  } catch (e) {
    left.push(`clean-up: ${e instanceof Error ? e.message : String(e)}`);
  }
  await world.daemon.stop();
  await world.close();
  left.push(...leftBehind(world));
  for (const wrong of left) console.log(`LEFT ${wrong}`);
  return left;
}
