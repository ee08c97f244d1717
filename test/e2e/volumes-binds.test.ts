import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MountRequest } from '../../src/core/wire/container.ts';
import { importBusybox } from './support/busybox.ts';
import { execIn, runToEnd, startContainer } from './support/containers.ts';
import { withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

const mount = (...args: string[]) => execFileSync('mount', args);
const umount = (path: string) => execFileSync('umount', [path]);

test('a read-only bind is read-only in what is mounted below too, unless that is not wanted', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const source = join(daemon.directory, 'with a blank');
    mkdirSync(join(source, 'below'), { recursive: true });
    // Where users are mapped, the container's root is nobody here.
    chmodSync(source, 0o777);
    mount('-t', 'tmpfs', '-o', 'mode=777', 'tmpfs', join(source, 'below'));
    try {
      const tryIt = [
        'sh',
        '-c',
        'for d in /m /m/below; do touch $d/x 2> /dev/null && echo written || echo refused; done',
      ];
      const bind = (more: Partial<MountRequest>): MountRequest => ({
        Type: 'bind',
        Source: source,
        Target: '/m',
        ...more,
      });
      const said = async (more: Partial<MountRequest>) =>
        (await runToEnd(daemon, tryIt, { Mounts: [bind(more)] })).split('\n');
      assert.deepEqual(await said({ ReadOnly: true }), ['refused', 'refused']);
      assert.deepEqual(await said({ ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } }), [
        'refused',
        'refused',
      ]);
      assert.deepEqual(await said({ ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }), [
        'refused',
        'written',
      ]);
      assert.deepEqual(await said({}), ['written', 'written']);
      assert.deepEqual((await runToEnd(daemon, tryIt, { Binds: [`${source}:/m:ro`] })).split('\n'), [
        'refused',
        'refused',
      ]);
      const conflicts: [MountRequest['BindOptions'], boolean, RegExp][] = [
        [
          { ReadOnlyNonRecursive: true },
          false,
          /400 .*mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive/,
        ],
        [{ ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true }, true, /400 .*mount options conflict/],
        [{ ReadOnlyForceRecursive: true, Propagation: 'rshared' }, true, /400 .*rprivate/],
      ];
      for (const [BindOptions, ReadOnly, message] of conflicts) {
        await assert.rejects(said({ ReadOnly, BindOptions: BindOptions ?? {} }), message);
      }
    } finally {
      umount(join(source, 'below'));
    }
  });
});

test('mounts spread as their propagation says', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const source = join(daemon.directory, 'shared');
    mkdirSync(source);
    mount('--bind', source, source);
    mount('--make-rshared', source);
    try {
      for (const name of ['later', 'inside']) mkdirSync(join(source, name));
      const sees = async (propagation: string) => {
        const id = await startContainer(daemon, ['sleep', '1000'], {
          Binds: [`${source}:/m:${propagation}`],
          Privileged: propagation === 'rshared',
          UsernsMode: propagation === 'rshared' ? 'host' : '',
        });
        mount('-t', 'tmpfs', 'tmpfs', join(source, 'later'));
        writeFileSync(join(source, 'later/f'), 'x');
        const there = (await execIn(daemon, id, ['ls', '/m/later'])) === 'f';
        if (propagation === 'rshared') await execIn(daemon, id, ['mount', '-t', 'tmpfs', 'tmpfs', '/m/inside']);
        const back = readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${join(source, 'inside')} `);
        if (back) umount(join(source, 'inside'));
        umount(join(source, 'later'));
        await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
        return [there, back];
      };
      assert.deepEqual(await sees('rprivate'), [false, false]);
      assert.deepEqual(await sees('rslave'), [true, false]);
      assert.deepEqual(await sees('rshared'), [true, true]);
    } finally {
      umount(source);
    }
  });
});

test('who may remove which volume when', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const volumes = async (filters: object = {}) => {
      const query = encodeURIComponent(JSON.stringify(filters));
      const list = (await api(daemon.socket, 'GET', `/volumes?filters=${query}`)) as { Volumes: { Name: string }[] };
      return list.Volumes.map((v) => v.Name);
    };
    const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { Binds: ['named:/n', '/anonymous'] } };
    const one = (await api(daemon.socket, 'POST', '/containers/create', body)) as { Id: string };
    const two = (await api(daemon.socket, 'POST', '/containers/create', {
      Image: 'busybox',
      HostConfig: { VolumesFrom: [one.Id] },
    })) as { Id: string };
    const all = await volumes();
    const anonymous = all.find((name) => name !== 'named') ?? '';
    assert.equal(all.length, 2);
    await assert.rejects(api(daemon.socket, 'DELETE', '/volumes/named'), (error: Error) => {
      assert.match(error.message, /409 .*remove named: volume is in use - \[/);
      for (const { Id } of [one, two]) assert.ok(error.message.includes(Id));
      return true;
    });
    assert.deepEqual(await volumes({ dangling: ['true'] }), []);
    const usage = (await api(daemon.socket, 'GET', '/system/df?type=volume')) as {
      Volumes: { Name: string; UsageData: { Size: number; RefCount: number } }[];
    };
    assert.deepEqual(
      usage.Volumes.map((v) => v.UsageData.RefCount),
      [2, 2],
    );
    await api(daemon.socket, 'DELETE', `/containers/${one.Id}?v=1`);
    assert.deepEqual((await volumes()).sort(), ['named', anonymous].sort(), 'the other one uses both');
    await api(daemon.socket, 'DELETE', `/containers/${two.Id}?v=1`);
    assert.deepEqual(await volumes({ dangling: ['1'] }), ['named'], 'the anonymous one went with its last user');
    const { Name } = (await api(daemon.socket, 'POST', '/volumes/create', {})) as { Name: string };
    assert.match(Name, /^[0-9a-f]{64}$/);
    const pruned = (path: string) => api(daemon.socket, 'POST', path) as Promise<{ VolumesDeleted: string[] | null }>;
    await pruned('/v1.44/volumes/prune');
    assert.deepEqual(await volumes(), ['named'], 'named ones are kept from 1.42 on');
    assert.deepEqual((await pruned('/v1.41/volumes/prune')).VolumesDeleted, ['named']);
  });
});
