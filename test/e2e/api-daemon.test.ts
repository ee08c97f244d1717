import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfdPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

test('a second daemon on the same roots or the same socket is refused in one line, and disturbs nothing', async () => {
  await withDaemon(async (daemon) => {
    const own = join(daemon.directory, 'second');
    const wharfd = (dataRoot: string, execRoot: string, host: string) =>
      run(wharfdPath, ['--data-root', dataRoot, '--exec-root', execRoot, '--host', host, '--group', 'root']);
    const rows: [dataRoot: string, execRoot: string, host: string, message: RegExp][] = [
      [
        join(own, 'd'),
        daemon.execRoot,
        `unix://${own}.sock`,
        /^wharfd: .*exec is in use by another wharfd \(pid \d+\)[^\n]*\n$/,
      ],
      [daemon.dataRoot, join(own, 'e'), `unix://${own}.sock`, /^wharfd: .*in use[^\n]*pid \d+[^\n]*\n$/],
      [
        join(own, 'd'),
        join(own, 'e'),
        daemon.host,
        /wharfd: cannot listen on unix:.*: another daemon answers there\n$/,
      ],
      [join(own, 'd'), join(own, 'e'), 'pigeon://x', /wharfd: invalid host "pigeon:\/\/x"[^\n]*\n$/],
    ];
    for (const [dataRoot, execRoot, host, message] of rows) {
      const outcome = await wharfd(dataRoot, execRoot, host);
      assert.equal(outcome.code, 1, outcome.stderr);
      assert.match(outcome.stderr, message);
      assert.equal(outcome.stdout, '');
    }
    assert.equal(await api(daemon.socket, 'GET', '/_ping'), 'OK');
  });
});

test('SIGTERM stops containers and takes the socket away; a start after it finds them stopped', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    assert.equal(statSync(daemon.socket).mode & 0o777, 0o660);
    const body = { Image: 'busybox', Cmd: ['sh', '-c', 'trap "exit 5" TERM; sleep 1000 & wait'] };
    await api(daemon.socket, 'POST', '/containers/create?name=trapper', body);
    await api(daemon.socket, 'POST', '/containers/trapper/start');
    await daemon.stop();
    assert.ok(!existsSync(daemon.socket));
    await daemon.start();
    const { State } = (await api(daemon.socket, 'GET', '/containers/trapper/json')) as {
      State: { Status: string; ExitCode: number };
    };
    assert.equal(State.Status, 'exited');
    assert.ok([5, 137].includes(State.ExitCode), String(State.ExitCode));
  });
});
