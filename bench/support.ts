import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importBusybox } from '../test/e2e/support/busybox.ts';
import { TestDaemon } from '../test/e2e/support/daemon.ts';
import { wharfdPath } from './installed.ts';

/** A daemon of the benchmark's own, with busybox in it. */
export async function withBenchDaemon(body: (daemon: TestDaemon) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-bench-'));
  const daemon = new TestDaemon(directory, ['--default-address-pool', 'base=10.214.0.0/16,size=20'], {}, wharfdPath);
  try {
    await daemon.start();
    await importBusybox(daemon.socket);
    await body(daemon);
  } catch (e) {
    console.error(daemon.log.split('\n').slice(-20).join('\n'));
    // What failed is to be told, not what tidying up makes of it.
    await tidyUp(daemon).catch((then: unknown) => console.error('and then, tidying up:', then));
    throw e;
  }
  await tidyUp(daemon);
}

async function tidyUp(daemon: TestDaemon): Promise<void> {
  await daemon.stop();
  rmSync(daemon.directory, { recursive: true, force: true });
}

/** Longer than any of them takes: what is not over by then hangs. */
const MOST_MS = 100_000;

/** Milliseconds of one call of a program. @throws {Error} if it fails, or hangs */
export function timed(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  mostMs: number = MOST_MS,
): number {
  const begin = performance.now();
  const result = spawnSync(command, args, {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: mostMs,
    killSignal: 'SIGKILL',
  });
  const ms = performance.now() - begin;
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr?.toString() || String(result.error)}`);
  return ms;
}

/**
 * Median milliseconds of several things, measured in turn so that a noisy minute hits them all alike; the first round warms up.
 * Not a number where one was none.
 */
export function medians(rounds: number, things: Readonly<Record<string, () => number>>): Record<string, number> {
  const times: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, measure] of Object.entries(things)) {
      const ms = measure();
      if (round > 0) (times[name] ??= []).push(ms);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [name, list.some(Number.isNaN) ? Number.NaN : median(list)]),
  );
}

export function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
}
