import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { bareName, bareRuntime } from './bare.ts';
import { wharfPath } from './installed.ts';
import { report } from './report.ts';
import { medians, timed } from './support.ts';

const FILES = 20_000;

/** Builds: nothing to do in a large context, stages side by side, one RUN, one COPY; each against its bare floor. */
export async function benchBuild(daemon: TestDaemon): Promise<void> {
  const root = join(daemon.directory, 'build-bench');
  mkdirSync(root);
  const wharf = (...args: string[]) => timed(wharfPath, ['build', '-q', ...args], daemon.env);
  noOp(join(root, 'many'), wharf);
  sideBySide(join(root, 'stages'), wharf);
  await oneRun(join(root, 'run'), join(root, 'bundle'), wharf);
  oneCopy(join(root, 'copy'), wharf, daemon.env);
}

type Build = (...args: string[]) => number;

function noOp(context: string, wharf: Build): void {
  tree(context, FILES, 200);
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /app\n');
  wharf(context);
  const times = medians(5, { wharf: () => wharf(context), stat: () => walkMs(context) });
  const floor = 1.5 * (times['stat'] ?? 1) + 150;
  report(
    `no-op rebuild, ${FILES} files in context`,
    times['wharf'] ?? 0,
    floor,
    '(1.5 x a bare stat of the tree + 150 ms)',
    1,
  );
}

function sideBySide(context: string, wharf: Build): void {
  mkdirSync(context);
  const stages = [1, 2, 3, 4].map((n) => `FROM busybox AS s${n}\nRUN sleep 2; echo ${n} > /r${n}\n`).join('');
  const copies = [1, 2, 3, 4].map((n) => `COPY --from=s${n} /r${n} /\n`).join('');
  writeFileSync(join(context, 'Dockerfile'), `${stages}FROM busybox\n${copies}`);
  report('4 stages of "sleep 2"', wharf('--no-cache', context), timed('sleep', ['2']), 'sleep 2', 1.75);
}

async function oneRun(context: string, bundle: string, wharf: Build): Promise<void> {
  mkdirSync(context);
  const runtime = await bareRuntime(bundle);
  const dockerfile = (runs: number) => {
    const file = join(context, `Dockerfile.${runs}`);
    writeFileSync(file, `FROM busybox\n${'RUN true\n'.repeat(runs)}`);
    return file;
  };
  const [few, many] = [dockerfile(1), dockerfile(11)];
  const times = medians(3, {
    few: () => wharf('--no-cache', '-f', few, context),
    many: () => wharf('--no-cache', '-f', many, context),
    bare: () => timed(runtime, ['run', '--bundle', bundle, bareName()]),
  });
  const each = ((times['many'] ?? 0) - (times['few'] ?? 0)) / 10;
  report('one RUN true', each, times['bare'] ?? 1, `bare ${runtime} run`, 3);
}

function oneCopy(context: string, wharf: Build, env: NodeJS.ProcessEnv): void {
  tree(context, 1200, 250 * 1024);
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY . /app\n');
  const to = `${context}.copy`;
  const id = `${context}.id`;
  // What others have written would be brought to disk by a build, which promises that its image survives a power cut.
  const settle = (): void => void timed('sync', ['-f', context]);
  // Each begins without its last copy: memory that was used before is several times faster than memory that never was.
  const times = medians(5, {
    wharf: () => {
      if (existsSync(id)) timed(wharfPath, ['rmi', readFileSync(id, 'utf8')], env);
      settle();
      return wharf('--no-cache', '--iidfile', id, context);
    },
    cp: () => {
      rmSync(to, { recursive: true, force: true });
      settle();
      return timed('cp', ['-a', context, to]);
    },
  });
  report('COPY of 1,200 files, 300 MB', times['wharf'] ?? 0, times['cp'] ?? 1, 'cp -a', 1.3);
}

/** Files of so many bytes, a hundred in a directory. */
function tree(root: string, files: number, bytes: number): void {
  for (let i = 0; i < files; i++) {
    const directory = join(root, `d${Math.trunc(i / 100)}`);
    if (i % 100 === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${i}`), Buffer.alloc(bytes, String(i)));
  }
}

/** What it costs to look at each file once. */
function walkMs(root: string): number {
  const begin = performance.now();
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      lstatSync(path);
      if (entry.isDirectory()) walk(path);
    }
  };
  walk(root);
  return performance.now() - begin;
}
