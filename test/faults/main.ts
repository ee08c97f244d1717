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

const USAGE = `usage: npm run faults -- [--seed N] [--rounds N] [--seconds N] [--only FAULT,...] [--keep]
       npm run faults -- --scenario NAME,... [--seed N] [--rounds N]

  --seed N       repeats a run (default: chosen anew, printed first)
  --rounds N     how many rounds (default: 20)
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
  const { seed, rounds, seconds, faults, keep, scenarios } = options;
  if (scenarios.length > 0) return await playScenarios(scenarios, seed, rounds);
  if (!isIsolated()) return await runIsolated();
  console.log(`seed ${seed}, ${rounds} rounds of ${faults.join(', ')}`);
  const begin = Date.now();
  const world = new World();
  let over = false;
  const end = (): void => {
    over = true;
  };
  process.on('SIGINT', end).on('SIGTERM', end);
  let broken: readonly string[] = [];
  let played = 0;
  try {
    await world.open();
    for (let round = 1; round <= rounds && !over && Date.now() - begin < seconds * 1000; round++) {
      const report = await playRound(world, new Random(seed * 100_003 + round), faults);
      played = round;
      console.log(`${String(round).padStart(4)}  ${report.fault}  [${report.actions}]`);
      for (const wrong of report.broken) console.log(`      BROKEN ${wrong}`);
      broken = report.broken;
      if (broken.length > 0) break;
    }
    if (broken.length > 0)
      console.log(`--- the daemon's last words ---\n${world.daemon.log.split('\n').slice(-40).join('\n')}`);
  } finally {
    broken = [...broken, ...(await close(world))];
    if (!keep || broken.length === 0) rmSync(world.directory, { recursive: true, force: true });
    else console.log(`kept: ${world.directory}`);
  }
  const took = Math.round((Date.now() - begin) / 1000);
  console.log(`${played} rounds in ${took} s, ${broken.length} broken promises; seed ${seed}`);
  return broken.length === 0 ? 0 : 1;
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
    const unknown = faults.find((name) => !(name in FAULTS));
    if (unknown !== undefined) throw new Error(`--only: there is no fault "${unknown}"`);
    const scenarios = values.scenario?.split(',') ?? [];
    const strange = scenarios.find((name) => !(name in SCENARIOS));
    if (strange !== undefined) throw new Error(`--scenario: there is no scenario "${strange}"`);
    return {
      scenarios: scenarios as ScenarioName[],
      seed: number('seed', values.seed ?? String(Date.now() % 1_000_000)),
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
  world.upstream.close();
  left.push(...leftBehind(world));
  for (const wrong of left) console.log(`LEFT ${wrong}`);
  return left;
}
