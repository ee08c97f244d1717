import { execFileSync } from 'node:child_process';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareContainers } from './bare.ts';
import { pssMib } from './processes.ts';
import { absolute, report } from './report.ts';
import { median, timed } from './support.ts';

const FEW = 10;
const MANY = 500;
/** What one container may cost among many, compared with one among few. */
const GROWTH = 1.3;

/** Costs with 500 containers against those with 10: start, `ps`, removal, memory, start of the daemon. */
export async function benchScale(daemon: TestDaemon): Promise<void> {
  const docker = (...args: string[]) => timed('docker', args, daemon.env);
  const names: string[] = [];
  const start = (count: number): number[] =>
    Array.from({ length: count }, () => {
      const name = `scale-${names.length}`;
      names.push(name);
      return docker('run', '-d', '--name', name, 'busybox', 'sleep', '100000');
    });
  const bare = await bareContainers(daemon);
  await daemon.stop();
  const empty = await startOf(daemon);
  start(1);
  const startFew = median(start(FEW - 1));
  const psFew = median(Array.from({ length: 10 }, () => docker('ps')));
  const removeFew = median(names.splice(0, FEW).map((name) => docker('rm', '-f', name)));

  const rest = start(MANY - FEW).reduce((sum, ms) => sum + ms, 0);
  const startMany = median(start(FEW));
  const bareStarts = { name: `bare ${bare.runtime} run -d`, value: (MANY - FEW) * bare.start };
  absolute(
    `starting ${MANY - FEW} containers one after the other`,
    rest,
    (MANY - FEW) * startFew * GROWTH,
    'ms',
    bareStarts,
  );
  report(`start of one among ${MANY}`, startMany, startFew, `among ${FEW}`, GROWTH);
  const psMany = median(Array.from({ length: 10 }, () => docker('ps')));
  report(`docker ps of ${MANY} containers, for each`, psMany / MANY, psFew / FEW, `of ${FEW}, for each`, GROWTH);
  absolute(`all processes of Wharf with ${MANY} idle containers`, pssMib(daemon), 400, 'MiB PSS');

  await daemon.crash();
  const known = { name: 'with none', value: empty };
  absolute(`start of the daemon with ${MANY} running containers`, await startOf(daemon), 4000, 'ms', known);

  const removeMany = median(names.splice(0, FEW).map((name) => docker('rm', '-f', name)));
  report(`rm -f of one among ${MANY}`, removeMany, removeFew, `among ${FEW}`, GROWTH);
  const removal = timed('docker', ['rm', '-f', ...names.splice(0)], daemon.env);
  const bareRemovals = { name: `bare ${bare.runtime} delete -f`, value: (MANY - FEW) * bare.remove };
  absolute(`rm -f of the other ${MANY - FEW} at once`, removal, (MANY - FEW) * removeFew * GROWTH, 'ms', bareRemovals);
  const left = execFileSync('docker', ['ps', '-aq'], { env: daemon.env, encoding: 'utf8' }).trim();
  if (left !== '') throw new Error('containers are left');
}

/** Milliseconds until it says that it is ready. */
async function startOf(daemon: TestDaemon): Promise<number> {
  const begin = performance.now();
  await daemon.start();
  return performance.now() - begin;
}
