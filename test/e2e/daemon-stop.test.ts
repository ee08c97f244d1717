import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { instanceOf } from '../../src/bin/daemon/instance.ts';
import { importBusybox } from './support/busybox.ts';
import { assertNothingLeft, takeCensus } from './support/census.ts';
import { TestDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

const COUNT = 64;
/** How containers take the end of the daemon: by turns. */
const KINDS = [
  { Cmd: ['sh', '-c', 'trap exit TERM; while :; do sleep 0.1; done'], HostConfig: {} },
  { Cmd: ['sleep', '1000'], StopTimeout: 1, HostConfig: {} },
  { Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL', HostConfig: { AutoRemove: true } },
  { Cmd: ['sleep', '1000'], StopTimeout: 0, HostConfig: { RestartPolicy: { Name: 'always' } } },
];

/** It ends when all is done, not when all is on its way: nobody is there afterwards to do the rest. */
test('a daemon told to stop leaves no mount, namespace, cgroup or process of its sixty containers', {
  timeout: 240_000,
}, async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wharf-stop-')));
  const census = { roots: [directory], instances: [instanceOf(join(directory, 'data'))] };
  const before = takeCensus(census);
  const daemon = new TestDaemon(directory, ['--default-address-pool', 'base=10.217.0.0/16,size=24']);
  try {
    await daemon.start();
    await importBusybox(daemon.socket);
    const start = async (i: number): Promise<void> => {
      const wish = { Image: 'busybox', ...KINDS[i % KINDS.length] };
      const { Id } = (await api(daemon.socket, 'POST', '/containers/create', wish)) as { Id: string };
      await api(daemon.socket, 'POST', `/containers/${Id}/start`);
    };
    const turns = Array.from({ length: COUNT }, (_, i) => i);
    const worker = async (): Promise<void> => {
      for (let i = turns.shift(); i !== undefined; i = turns.shift()) await start(i);
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    assert.ok(mountsBelow(directory) >= COUNT);
    await daemon.stop();
    assert.equal(mountsBelow(directory), 0, daemon.log);
    assertNothingLeft(before, takeCensus(census));
  } finally {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

function mountsBelow(directory: string): number {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(` ${directory}/`)).length;
}
