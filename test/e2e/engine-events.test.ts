import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

/** The life of a container as `events --since` replays it, from the beginning until now. */
async function told(daemon: TestDaemon, name: string): Promise<string[]> {
  const until = String((Date.now() + 50) / 1000);
  const filters = ['create', 'start', 'die', 'destroy'].flatMap((action) => ['--filter', `event=${action}`]);
  const format = '{{.Action}} {{index .Actor.Attributes "exitCode"}}';
  const args = [
    'events',
    '--since',
    '1',
    '--until',
    until,
    '--filter',
    `container=${name}`,
    ...filters,
    '--format',
    format,
  ];
  const { code, stdout, stderr } = await run(wharfPath, args, { env: daemon.env });
  assert.equal(code, 0, stderr);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.replace('<no value>', '').trim()]));
}

test('events outlive kill -9 of the daemon, and tell what happened while there was none', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const must = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(wharfPath, words, { env: daemon.env });
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    await must('run', '-d', '--name', 'stays', 'busybox', 'sleep', '1000');
    await must('run', '--name', 'ended', 'busybox', 'true');
    await must('run', '-d', '--name', 'dies', 'busybox', 'sleep', '1000');
    const pid = Number(await must('inspect', '-f', '{{.State.Pid}}', 'dies'));

    await daemon.crash();
    process.kill(pid, 'SIGKILL');
    await daemon.start();
    await must('wait', 'dies');
    assert.deepEqual(await told(daemon, 'stays'), ['create', 'start']);
    assert.deepEqual(await told(daemon, 'ended'), ['create', 'start', 'die 0']);
    assert.deepEqual(await told(daemon, 'dies'), ['create', 'start', 'die 137']);

    await must('rm', 'ended');
    await daemon.crash();
    await daemon.start();
    assert.deepEqual(await told(daemon, 'ended'), ['create', 'start', 'die 0', 'destroy']);

    // A stop in order keeps them as well.
    await daemon.stop();
    await daemon.start();
    assert.deepEqual(await told(daemon, 'stays'), ['create', 'start', 'die 137']);
  });
});
