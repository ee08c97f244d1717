import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

const MEGABYTE = 1024 * 1024;

/** A daemon whose disk has so many bytes. */
async function withSmallDisk(size: string, body: (daemon: TestDaemon) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-small-'));
  mkdirSync(join(directory, 'data'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', join(directory, 'data')]);
  const daemon = new TestDaemon(directory, ['--default-address-pool', 'base=10.218.0.0/16,size=24']);
  try {
    await daemon.start();
    await body(daemon);
  } finally {
    await daemon.stop();
    execFileSync('umount', [join(directory, 'data')]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The three ways to build. */
function waysOf(daemon: TestDaemon) {
  const buildx = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
  return [
    ['classic', 'docker', { ...buildx, DOCKER_BUILDKIT: '0' }],
    ['buildx', 'docker', buildx],
    ['wharf', wharfPath, buildx],
  ] as const;
}

/** What builds have under way: mounts, snapshots, files, groups, containers. Contexts and layers that are kept are none. */
function underWay({ directory, dataRoot, execRoot }: TestDaemon): readonly string[] {
  const list = (path: string) => {
    try {
      return readdirSync(path).map((name) => join(path, name));
    } catch {
      return [];
    }
  };
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [
    ...mounts.filter((line) => line.includes(directory) && line.includes('/merged')),
    ...list(join(dataRoot, 'build/tmp')),
    ...list(join(execRoot, 'build')),
    ...list(join(dataRoot, 'snapshots')).filter((path) => /build-/.test(path)),
    ...list(join(execRoot, 'runtime')).filter((path) => /build-/.test(path)),
  ];
}

/** Waits for what goes on its own after a client has left. */
async function settled(daemon: TestDaemon): Promise<void> {
  for (let tries = 0; underWay(daemon).length > 0 && tries < 100; tries++) await sleep(50);
  assert.deepEqual(underWay(daemon), []);
}

test('a full disk in the middle of a build', { timeout: 240_000 }, async (t) => {
  await withSmallDisk('72m', async (daemon) => {
    await importBusybox(daemon.socket);
    const big = Buffer.alloc(40 * MEGABYTE, 'x');
    for (const [way, program, env] of waysOf(daemon)) {
      const build = (cwd: string, ...args: string[]) =>
        run(program, ['build', ...args, '.'], { env, cwd, timeoutMs: 60_000 });
      await t.test(`${way}: a command that fills it`, async () => {
        using files = folder({ Dockerfile: 'FROM busybox\nRUN true\nRUN dd if=/dev/zero of=/big bs=1M count=100\n' });
        const { code, stderr, stdout } = await build(files.path);
        assert.notEqual(code, 0);
        assert.match(stdout + stderr, /No space left on device/);
        assert.match(stdout + stderr, /Dockerfile:3/);
        await settled(daemon);
      });

      await t.test(`${way}: a file to copy, or to send, that does not fit`, async () => {
        using files = folder({ Dockerfile: 'FROM busybox\nCOPY big /a\nCOPY big /b\n', big });
        const { code, stderr, stdout } = await build(files.path);
        assert.notEqual(code, 0, stdout);
        const said = stdout + stderr;
        const lines = said.split('\n').filter((line) => /no space left/i.test(line));
        assert.ok(lines.length >= 1, said);
        // Before the first step no line of the Dockerfile is to blame.
        if (/COPY big .*(ERROR|no space)/s.test(said)) assert.match(said, /Dockerfile:[23]/);
        assert.doesNotMatch(said, /\n {4}at /);
        await settled(daemon);
      });

      await t.test(`${way}: then there is room again`, async () => {
        const pruned = await run(wharfPath, ['builder', 'prune', '-af'], { env });
        assert.equal(pruned.code, 0, pruned.stderr);
        using files = folder({ Dockerfile: `FROM busybox\nRUN echo ${way} > /x\n` });
        const { code, stderr } = await build(files.path, '--no-cache');
        assert.equal(code, 0, stderr);
      });
    }
  });
});

test('Ctrl-C in the middle of a build', { timeout: 240_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (const [way, program, env] of waysOf(daemon)) {
      /** Interrupts a build when `until` has come, or after it was begun. */
      const interrupt = async (cwd: string, until: RegExp | undefined) => {
        // A terminal interrupts the whole group: the docker CLI's plugins as well.
        const child = spawn(program, ['build', '.'], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
        const ended = once(child, 'exit');
        const seen = Promise.withResolvers<void>();
        for (const stream of [child.stdout, child.stderr]) {
          createInterface({ input: stream }).on('line', (line) => until?.test(line) && seen.resolve());
        }
        while (until === undefined && underWay(daemon).length === 0) await sleep(5);
        if (until !== undefined) await seen.promise;
        process.kill(-(child.pid ?? 0), 'SIGINT');
        const [code] = (await ended) as [number | null];
        assert.notEqual(code, 0);
        await settled(daemon);
      };

      await t.test(`${way}: of a RUN`, async () => {
        using files = folder({ Dockerfile: 'FROM busybox\nRUN echo begun; sleep 31415\n' });
        await interrupt(files.path, /^(#\d+ [\d.]+ )?begun$/);
        const sleeping = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
        assert.doesNotMatch(sleeping, /^sleep 31415$/m);
      });

      await t.test(`${way}: of sending the context`, async () => {
        using files = folder({ Dockerfile: 'FROM busybox\nCOPY . /all\n' });
        for (let i = 0; i < 40; i++) writeFileSync(files.at(`f${i}`), Buffer.alloc(10 * MEGABYTE, String(i)));
        await interrupt(files.path, way === 'buildx' ? /load build context/ : undefined);
      });
    }
  });
});
