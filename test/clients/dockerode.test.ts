import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';

/** Splits a multiplexed stream as dockerode's users do. */
async function demultiplexed(docker: Docker, stream: NodeJS.ReadableStream): Promise<[stdout: string, stderr: string]> {
  const out = new PassThrough();
  const err = new PassThrough();
  docker.modem.demuxStream(stream, out, err);
  stream.once('end', () => {
    out.end();
    err.end();
  });
  return Promise.all([text(out), text(err)]);
}

test('dockerode: run, create, attach, exec, logs, stats, archive', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = new Docker({ socketPath: daemon.socket });
    assert.equal(String(await docker.ping()), 'OK');

    const output = new PassThrough();
    const said = text(output);
    const [result] = (await docker.run('busybox', ['sh', '-c', 'echo hello; exit 4'], output, {
      HostConfig: { AutoRemove: true },
      Tty: true,
    })) as [{ StatusCode: number }];
    output.end();
    assert.equal(result.StatusCode, 4);
    assert.equal(await said, 'hello\r\n');

    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['cat'],
      OpenStdin: true,
      StdinOnce: true,
    });
    const attached = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    await container.start();
    const echoed = demultiplexed(docker, attached);
    attached.end('typed\n');
    assert.deepEqual(await echoed, ['typed\n', '']);
    assert.equal(((await container.wait()) as { StatusCode: number }).StatusCode, 0);
    await container.remove();

    const server = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'echo up; exec sleep 1000'],
      name: 'server',
    });
    await server.start();
    const exec = await server.exec({
      Cmd: ['sh', '-c', 'echo o; echo e >&2; exit 5'],
      AttachStdout: true,
      AttachStderr: true,
    });
    assert.deepEqual(await demultiplexed(docker, await exec.start({})), ['o\n', 'e\n']);
    assert.equal((await exec.inspect()).ExitCode, 5);
    const hijacked = await server.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
    const stream = await hijacked.start({ hijack: true, stdin: true });
    const back = demultiplexed(docker, stream);
    stream.end('in');
    assert.deepEqual(await back, ['in', '']);

    const stats = (await server.stats({ stream: false })) as unknown as {
      cpu_stats: object;
      precpu_stats: object;
      name: string;
    };
    assert.equal(stats.name, '/server');
    assert.ok('system_cpu_usage' in stats.cpu_stats && 'cpu_usage' in stats.precpu_stats);

    const tar = pack();
    tar.entry({ name: 'note' }, 'by tar\n');
    tar.finalize();
    await server.putArchive(tar as unknown as NodeJS.ReadableStream, { path: '/tmp' });
    const read = await server.getArchive({ path: '/tmp/note' });
    assert.match(await text(read as Readable), /by tar\n/);

    const followed = await server.logs({ stdout: true, stderr: true, follow: true });
    const logged = demultiplexed(docker, followed);
    await server.stop({ t: 0 });
    assert.deepEqual(await logged, ['up\n', '']);
    await assert.rejects(server.stop(), { statusCode: 304 });
    await server.remove({ v: true });
    await assert.rejects(docker.getContainer('server').inspect(), { statusCode: 404, reason: 'no such container' });
  });
});

test('dockerode: build, images, networks, volumes, events', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const docker = new Docker({ socketPath: daemon.socket });
    const events = (await docker.getEvents({ filters: { type: ['volume'] } })) as Readable;
    const first = once(events, 'data');

    const tar = pack();
    tar.entry({ name: 'Dockerfile' }, 'FROM busybox\nLABEL a=b\nCMD ["true"]\n');
    tar.finalize();
    const progress = await docker.buildImage(tar as unknown as NodeJS.ReadableStream, { t: 'ode:1' });
    const messages = await new Promise<{ stream?: string }[]>((resolve, reject) => {
      docker.modem.followProgress(progress, (e, all) =>
        e === null ? resolve(all as { stream?: string }[]) : reject(e),
      );
    });
    assert.ok(messages.some((m) => m.stream?.startsWith('Successfully tagged ode:1') === true));
    assert.equal((await docker.getImage('ode:1').inspect()).Config.Labels['a'], 'b');
    assert.ok((await docker.listImages()).some((i) => i.RepoTags?.includes('ode:1') === true));
    await docker.getImage('ode:1').remove();
    await assert.rejects(docker.getImage('ode:1').inspect(), { statusCode: 404 });

    await docker.createVolume({ Name: 'ode' });
    assert.equal((JSON.parse(String((await first)[0])) as { Action: string }).Action, 'create');
    events.destroy();
    await docker.getVolume('ode').remove();
    const network = await docker.createNetwork({ Name: 'ode', CheckDuplicate: true });
    assert.equal(((await network.inspect()) as { Name: string }).Name, 'ode');
    await network.remove();
  });
});
