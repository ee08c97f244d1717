import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { startContainer } from './support/containers.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

const TCP4 = 28881;
const TCP6 = 28882;
const UDP = 28883;
const OURS = 28884;

test('a port that is taken: every way to ask for it names who has it, and leaves things as they were', {
  timeout: 120_000,
}, async (t) => {
  const four = createServer().listen(TCP4, '127.0.0.1');
  const six = createServer().listen(TCP6, '::1');
  const datagrams = createSocket('udp4').bind(UDP, '127.0.0.1');
  t.after(() => [four, six, datagrams].forEach((socket) => socket.close()));
  await Promise.all([four, six, datagrams].map((socket) => once(socket, 'listening')));
  const me = `\\S+ \\(pid ${process.pid}\\)`;
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const ports = { '80/tcp': [{ HostPort: String(OURS) }], '80/udp': [{ HostPort: String(OURS) }] };
    const exposed = { ExposedPorts: { '80/tcp': {}, '80/udp': {} } };
    await startContainer(daemon, ['sleep', '1000'], { PortBindings: ports }, { Name: 'holder', ...exposed });
    const byContainer = /Bind for \S+:28884 failed: port is already allocated to container "holder"$/m;
    const refused: [published: string, message: RegExp][] = [
      [`${TCP4}:80`, new RegExp(`0\\.0\\.0\\.0:${TCP4}:[\\d.]+:80/tcp: address already in use by ${me}$`, 'm')],
      [`127.0.0.1:${TCP4}:80`, new RegExp(`address already in use by ${me}$`, 'm')],
      [`[::1]:${TCP6}:80`, new RegExp(`\\[::1\\]:${TCP6}:[\\d.]+:80/tcp: address already in use by ${me}$`, 'm')],
      [`${TCP6}:80`, new RegExp(`\\[::\\]:${TCP6}:[\\d.]+:80/tcp: address already in use by ${me}$`, 'm')],
      [`${UDP}:80/udp`, new RegExp(`0\\.0\\.0\\.0:${UDP}:[\\d.]+:80/udp: address already in use by ${me}$`, 'm')],
      [`${OURS}:80`, byContainer],
      [`127.0.0.1:${OURS}:81/udp`, byContainer],
      [`[::1]:${OURS}:80`, byContainer],
      [
        '28885:80 -p 28885:81',
        /Bind for 0\.0\.0\.0:28885 failed: port is already allocated to another port of this container$/m,
      ],
    ];
    for (const client of ['docker', wharfPath]) {
      for (const [published, message] of refused) {
        const args = ['run', '--rm', '-p', ...published.split(' '), 'busybox', 'true'];
        const outcome = await run(client, args, { env: daemon.env });
        assert.equal(outcome.code, 125, outcome.stderr);
        assert.match(outcome.stderr, message);
      }
    }
    const other = { PortBindings: { '80/tcp': ports['80/tcp'] } };
    const body = { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: other };
    await api(daemon.socket, 'POST', '/containers/create?name=later', body);
    await assert.rejects(
      api(daemon.socket, 'POST', '/containers/later/start'),
      /500 .*allocated to container \\"holder/,
    );

    // Published once a network leads to the world: refused, it is not on that network.
    await api(daemon.socket, 'POST', '/networks/create', { Name: 'inner', Internal: true });
    await api(daemon.socket, 'POST', '/networks/create', { Name: 'outer' });
    const id = await startContainer(daemon, ['sleep', '1000'], { NetworkMode: 'inner', ...other }, { Name: 'mover' });
    const connect = () => api(daemon.socket, 'POST', '/networks/outer/connect', { Container: id });
    await assert.rejects(connect(), /500 .*allocated to container \\"holder/);
    const { NetworkSettings } = (await api(daemon.socket, 'GET', `/containers/${id}/json`)) as {
      NetworkSettings: { Networks: object };
    };
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ['inner']);
    await api(daemon.socket, 'DELETE', '/containers/holder?force=1');
    await connect();

    const cwd = join(daemon.directory, 'project');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'compose.yaml'), `services:\n  web:\n    image: busybox\n    ports: ["${TCP4}:80"]\n`);
    const up = await run(wharfPath, ['compose', 'up', '-d'], { cwd, env: daemon.env });
    assert.equal(up.code, 1);
    assert.match(up.stderr, new RegExp(`port is already allocated: ${me} listens on it`));
  });
});
