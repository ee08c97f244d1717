import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HostConfig } from '../../src/core/wire/container.ts';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { runToEnd, startContainer } from './support/containers.ts';

interface VolumeShown {
  readonly Name: string;
  readonly Mountpoint: string;
  readonly Options: Record<string, string> | null;
}

function makeVolume(daemon: TestDaemon, name: string, options: Record<string, string>): Promise<VolumeShown> {
  const body = { Name: name, DriverOpts: options };
  return api(daemon.socket, 'POST', '/volumes/create', body) as Promise<VolumeShown>;
}

/** Types of what the host has mounted at a path. */
function mountedAt(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === path)
    .map((line) => line.split(' - ')[1]?.split(' ')[0] ?? '');
}

test('a volume with options is mounted for its first user and unmounted after its last', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { Mountpoint, Options } = await makeVolume(daemon, 'scratch', {
      type: 'tmpfs',
      device: 'tmpfs',
      o: 'size=2m,uid=1000,noexec',
    });
    assert.deepEqual(Options, { type: 'tmpfs', device: 'tmpfs', o: 'size=2m,uid=1000,noexec' });
    assert.deepEqual(mountedAt(Mountpoint), []);
    const binds = ['scratch:/data'];
    const one = await startContainer(daemon, ['sleep', '1000'], { Binds: binds });
    assert.deepEqual(mountedAt(Mountpoint), ['tmpfs']);
    assert.equal(
      await runToEnd(daemon, ['sh', '-c', 'echo kept > /data/f; stat -c %u /data'], { Binds: binds }),
      '1000',
    );
    assert.match(
      await runToEnd(daemon, ['grep', ' /data ', '/proc/mounts'], { Binds: binds }),
      /^tmpfs \/data tmpfs .*noexec.*size=2048k/,
    );
    assert.deepEqual(mountedAt(Mountpoint), ['tmpfs'], 'it stays for the first');
    assert.equal(readFileSync(join(Mountpoint, 'f'), 'utf8'), 'kept\n');

    // Whoever comes after a crash of the daemon must find the same file system.
    await daemon.crash();
    await daemon.start();
    assert.equal(await runToEnd(daemon, ['cat', '/data/f'], { Binds: binds }), 'kept');
    assert.deepEqual(mountedAt(Mountpoint), ['tmpfs']);
    await api(daemon.socket, 'POST', `/containers/${one}/kill`);
    await api(daemon.socket, 'POST', `/containers/${one}/wait`);
    assert.deepEqual(mountedAt(Mountpoint), []);
  });
});

test('a bound directory keeps its files when the volume goes, and is seen by copies too', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const device = join(daemon.directory, 'shared');
    mkdirSync(device);
    writeFileSync(join(device, 'mine'), 'precious');
    const options = { type: 'none', device, o: 'bind,ro' };
    const { Mountpoint } = await makeVolume(daemon, 'bound', options);
    const binds = ['bound:/data'];
    assert.equal(await runToEnd(daemon, ['cat', '/data/mine'], { Binds: binds }), 'precious');
    assert.match(
      await runToEnd(daemon, ['sh', '-c', 'touch /data/x 2>&1; true'], { Binds: binds }),
      /Read-only file system/,
    );
    const made = (await api(daemon.socket, 'POST', '/containers/create', {
      Image: 'busybox',
      HostConfig: { Binds: binds },
    })) as { Id: string };
    assert.match(String(await api(daemon.socket, 'GET', `/containers/${made.Id}/archive?path=/data/mine`)), /precious/);
    assert.deepEqual(mountedAt(Mountpoint), []);
    await assert.rejects(api(daemon.socket, 'DELETE', '/volumes/bound'), /409 .*remove bound: volume is in use - \[/);
    await api(daemon.socket, 'DELETE', `/containers/${made.Id}`);
    await api(daemon.socket, 'DELETE', '/volumes/bound');
    assert.equal(readFileSync(join(device, 'mine'), 'utf8'), 'precious');
    assert.ok(!existsSync(Mountpoint));
  });
});

test('what cannot be mounted is said at the start, in known words, and nothing is left', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (const [options, message] of [
      [{ type: 'none', o: 'bind', device: '/no/such/place' }, /flags: 0x1000: no such file or directory/],
      [{ type: 'nosuchfs', device: 'none' }, /failed to mount local volume: mount none:.*: no such device/],
      [{ type: 'nfs', o: 'addr=name.invalid', device: ':/x' }, /error resolving passed in network volume address/],
    ] as const) {
      await makeVolume(daemon, 'bad', options);
      const { Id } = (await api(daemon.socket, 'POST', '/containers/create', {
        Image: 'busybox',
        HostConfig: { Mounts: [{ Type: 'volume', Source: 'bad', Target: '/data', VolumeOptions: { NoCopy: true } }] },
      })) as { Id: string };
      await assert.rejects(api(daemon.socket, 'POST', `/containers/${Id}/start`), (error: Error) => {
        assert.match(error.message, /: 500 .*error while mounting volume '/);
        assert.match(error.message, message);
        return true;
      });
      await api(daemon.socket, 'DELETE', `/containers/${Id}`);
      await api(daemon.socket, 'DELETE', '/volumes/bad');
    }
    for (const [options, message] of [
      [{ device: 'x' }, /400 .*create bad: missing required option: \\"type\\"/],
      [{ o: 'ro' }, /missing required option: \\"device\\"/],
      [{ size: '1g' }, /quota size requested but no quota support/],
      [{ colour: 'red' }, /invalid option: \\"colour\\"/],
    ] as const) {
      await assert.rejects(makeVolume(daemon, 'bad', options), message);
    }
  });
});

test('a part of a volume is found inside of it only', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { Mountpoint } = await makeVolume(daemon, 'whole', {});
    mkdirSync(join(Mountpoint, 'a/b'), { recursive: true });
    writeFileSync(join(Mountpoint, 'a/b/f'), 'inside');
    symlinkSync('/a/b', join(Mountpoint, 'link'));
    symlinkSync('/etc', join(Mountpoint, 'out'));
    const mounts = (subpath: string): HostConfig => ({
      Mounts: [{ Type: 'volume', Source: 'whole', Target: '/data', VolumeOptions: { Subpath: subpath } }],
    });
    for (const subpath of ['a/b', 'link', 'a/../link']) {
      assert.equal(await runToEnd(daemon, ['cat', '/data/f'], mounts(subpath)), 'inside', subpath);
    }
    for (const subpath of ['out', 'nothing']) {
      await assert.rejects(
        runToEnd(daemon, ['ls', '/data'], mounts(subpath)),
        /cannot access path .*: no such file or directory/,
      );
    }
    for (const subpath of ['../x', '/a', 'a/../../b']) {
      await assert.rejects(
        runToEnd(daemon, ['ls', '/data'], mounts(subpath)),
        /400 .*subpath must be a relative path within the volume/,
      );
    }
    assert.deepEqual(execFileSync('ls', [Mountpoint], { encoding: 'utf8' }).split('\n').filter(Boolean), [
      'a',
      'link',
      'out',
    ]);
  });
});
