import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

interface Inspect {
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly Health?: { readonly Status: string; readonly Log: unknown[] };
  };
  readonly RestartCount: number;
  readonly HostConfig: { readonly Ulimits: { readonly Name: string }[] | null; readonly LogConfig: object };
}

async function create(daemon: TestDaemon, body: object): Promise<string> {
  return ((await api(daemon.socket, 'POST', '/containers/create', { Image: 'busybox', ...body })) as { Id: string }).Id;
}
const start = (daemon: TestDaemon, id: string) => api(daemon.socket, 'POST', `/containers/${id}/start`);
const inspect = async (daemon: TestDaemon, id: string) =>
  (await api(daemon.socket, 'GET', `/containers/${id}/json`)) as Inspect;

/** Runs to its end; gives the standard output, without frames as there is a TTY. */
async function output(daemon: TestDaemon, body: object): Promise<string> {
  const id = await create(daemon, { ...body, Tty: true });
  await start(daemon, id);
  await api(daemon.socket, 'POST', `/containers/${id}/wait`);
  const said = (await api(daemon.socket, 'GET', `/containers/${id}/logs?stdout=1`)) as string;
  await api(daemon.socket, 'DELETE', `/containers/${id}`);
  return said.replaceAll('\r', '').trim();
}

test('limits, namespaces and what is shared are as asked for', async () => {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const donor = await create(daemon, { Cmd: ['sleep', '1000'], HostConfig: { IpcMode: 'shareable' } });
      const loner = await create(daemon, { Cmd: ['sleep', '1000'] });
      await Promise.all([start(daemon, donor), start(daemon, loner)]);
      const { Id: exec } = (await api(daemon.socket, 'POST', `/containers/${donor}/exec`, {
        Cmd: ['sh', '-c', 'echo shared > /dev/shm/x'],
      })) as { Id: string };
      await api(daemon.socket, 'POST', `/exec/${exec}/start`, { Detach: true });
      while (((await api(daemon.socket, 'GET', `/exec/${exec}/json`)) as { ExitCode: number | null }).ExitCode === null)
        await sleep(10);
      const join = (id: string) => ({ HostConfig: { IpcMode: `container:${id}` } });
      assert.equal(await output(daemon, { Cmd: ['cat', '/dev/shm/x'], ...join(donor) }), 'shared');
      await assert.rejects(output(daemon, { Cmd: ['true'], ...join(loner) }), /400 .*non-shareable IPC/);
      await assert.rejects(
        output(daemon, { Cmd: ['true'], HostConfig: { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] } }),
        /500 .*could not select device driver \\"\\" with capabilities: \[\[gpu\]\]/,
      );
      const image = { Type: 'image', Source: 'busybox', Target: '/image', ImageOptions: { Subpath: 'etc' } };
      const listing = await output(daemon, {
        Cmd: ['sh', '-c', 'cat /image/passwd | head -n 1; touch /image/x 2>&1'],
        HostConfig: { Mounts: [image] },
      });
      assert.match(listing, /^root:x:0:0:[^]*Read-only file system$/);
      const host = {
        Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
        OomScoreAdj: 77,
        Sysctls: { 'net.core.somaxconn': '88' },
      };
      const read = 'ulimit -n; ulimit -c; cat /proc/self/oom_score_adj /proc/sys/net/core/somaxconn';
      const said = await output(daemon, { Cmd: ['sh', '-c', read], HostConfig: host });
      assert.equal(said, '700\n0\n77\n88', 'the daemon’s default limit of open files holds as well');
      const { HostConfig } = await inspect(daemon, donor);
      assert.deepEqual(HostConfig.LogConfig, { Type: 'json-file', Config: { 'max-size': '1m' } });
      assert.deepEqual(
        HostConfig.Ulimits?.map((u) => u.Name),
        ['nofile'],
      );
    },
    { args: ['--default-ulimit', 'nofile=700:800', '--log-opt', 'max-size=1m'] },
  );
});

test('a restart that fails is tried again, and a stop ends that', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    // The program takes itself away, so that no later start can succeed.
    const id = await create(daemon, {
      Cmd: ['/tmp/once'],
      HostConfig: { RestartPolicy: { Name: 'always' } },
    });
    const tar = await tarOf('once', '#!/bin/sh\nrm /tmp/once\n');
    await put(daemon, `/containers/${id}/archive?path=/tmp`, tar);
    await start(daemon, id);
    let seen = await inspect(daemon, id);
    while (seen.RestartCount < 3) {
      await sleep(20);
      seen = await inspect(daemon, id);
    }
    assert.equal(seen.State.Status, 'restarting');
    assert.match(seen.State.Error, /no such file or directory/);
    const ended = api(daemon.socket, 'POST', `/containers/${id}/wait`);
    await api(daemon.socket, 'POST', `/containers/${id}/stop`);
    assert.deepEqual(await ended, { StatusCode: 127 });
    assert.equal((await inspect(daemon, id)).State.Status, 'exited');
  });
});

test('health survives the daemon', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const id = await create(daemon, {
      Cmd: ['sleep', '1000'],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 50_000_000, Timeout: 5_000_000_000 },
    });
    await start(daemon, id);
    while ((await inspect(daemon, id)).State.Health?.Status !== 'healthy') await sleep(20);
    await daemon.crash();
    await daemon.start();
    const { State } = await inspect(daemon, id);
    assert.equal(State.Health?.Status, 'healthy');
    assert.ok(State.Health.Log.length > 0);
  });
});

test('configuration is read again at SIGHUP; statistics have every part', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const reloaded = new Promise<string>((resolve, reject) => {
      const req = request({ socketPath: daemon.socket, path: '/events', agent: false }, (res) => {
        res.once('data', (chunk: Buffer) => {
          res.destroy();
          resolve(chunk.toString());
        });
        process.kill(daemon.pid, 'SIGHUP');
      });
      req.once('error', reject);
      req.end();
    });
    assert.match(await reloaded, /"Type":"daemon","Action":"reload"/);
    const id = await create(daemon, { Cmd: ['sleep', '1000'], HostConfig: { NanoCpus: 5e8, Memory: 64 * 2 ** 20 } });
    await start(daemon, id);
    const stats = (await api(daemon.socket, 'GET', `/containers/${id}/stats?stream=0&one-shot=1`)) as {
      cpu_stats: { online_cpus: number; throttling_data: { periods: number } };
      memory_stats: { limit: number };
      networks: object;
    };
    assert.equal(stats.memory_stats.limit, 64 * 2 ** 20);
    assert.ok(stats.cpu_stats.online_cpus > 0 && stats.cpu_stats.throttling_data.periods >= 0);
    assert.deepEqual(Object.keys(stats.networks), ['eth0']);
    await api(daemon.socket, 'POST', `/containers/${id}/update`, { PidsLimit: 33 });
    const group = readFileSync(`/proc/${(await inspect(daemon, id)).State.Pid}/cgroup`, 'utf8');
    assert.ok(group.includes(id));
    await assert.rejects(
      api(daemon.socket, 'POST', `/containers/${id}/update`, { CpusetCpus: '4000' }),
      /400 .*Requested CPUs are not available - requested 4000/,
    );
  });
});

test('attach by websocket: bare bytes both ways', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const id = await create(daemon, {
      Cmd: ['sh', '-c', 'read x; echo got $x'],
      OpenStdin: true,
    });
    await start(daemon, id);
    const req = request({
      socketPath: daemon.socket,
      path: `/v1.44/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1`,
      agent: false,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
      },
    });
    req.end();
    const [, socket, early] = (await once(req, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
    // A masked binary message; a mask of zeros changes nothing.
    socket.write(Buffer.concat([Buffer.from([0x82, 0x84, 0, 0, 0, 0]), Buffer.from('hey\n')]));
    const chunks = [early];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    const expected = Buffer.from('got hey\n');
    assert.ok(Buffer.concat(chunks).includes(Buffer.concat([Buffer.from([0x82, expected.length]), expected])));
  });
});

async function tarOf(name: string, content: string): Promise<Buffer> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  tar.entry({ name, mode: 0o755 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function put(daemon: TestDaemon, path: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: daemon.socket, method: 'PUT', path, agent: false }, (res) => {
      res.resume();
      res.once('end', () => (res.statusCode === 200 ? resolve() : reject(new Error(`PUT: ${res.statusCode}`))));
    });
    req.once('error', reject);
    req.end(body);
  });
}
