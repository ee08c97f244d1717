import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerInspect, HostConfig } from '../../src/core/wire/container.ts';
import { importBusybox } from './support/busybox.ts';
import { execIn, runToEnd, startContainer } from './support/containers.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

const args = ['--userns-remap=default'];

async function pidOf(daemon: TestDaemon, id: string): Promise<number> {
  return ((await api(daemon.socket, 'GET', `/containers/${id}/json`)) as ContainerInspect).State.Pid;
}

/** The host's user that a process is, and the first of those that its user namespace has. */
function userOf(pid: number): { readonly uid: number; readonly first: number } {
  const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const [, first] = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number);
  return { uid, first: first ?? -1 };
}

test("containers' root is nobody on the host", { timeout: 240_000 }, async () => {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const info = (await api(daemon.socket, 'GET', '/info')) as { SecurityOptions: string[] };
      assert.ok(info.SecurityOptions.includes('name=userns'));
      const open = join(daemon.directory, 'open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      writeFileSync(join(open, 'secret'), 'x', { mode: 0o600 });
      writeFileSync(join(open, 'public'), 'x', { mode: 0o644 });
      // Every capability there is and none of the usual guards: the user namespace has to hold on its own.
      const bare: HostConfig = {
        Binds: ['data:/data', `${open}:/open`],
        CapAdd: ['ALL'],
        SecurityOpt: ['seccomp=unconfined', 'systempaths=unconfined'],
        DeviceCgroupRules: ['a *:* rwm'],
      };
      const id = await startContainer(daemon, ['sleep', '1000'], bare);
      const { uid, first } = userOf(await pidOf(daemon, id));
      assert.ok(first > 0);
      assert.equal(uid, first);
      const inside = async (script: string) => (await execIn(daemon, id, ['sh', '-c', script])).split('\n');

      assert.deepEqual(
        await inside('id -u; stat -c %u / /data /etc/hosts /etc/resolv.conf /dev/shm'),
        Array.from({ length: 6 }, () => '0'),
      );
      assert.deepEqual(
        await inside('touch /data/a /open/a /own; chown 7:8 /data/a /own; stat -c %u:%g /data/a /open/a /own'),
        ['7:8', '0:0', '7:8'],
      );
      assert.equal(statSync(join(open, 'a')).uid, first, 'what it writes to a bind is not root’s');
      assert.deepEqual(await inside('stat -c %u /open/public; cat /open/public'), ['65534', 'x']);

      const escapes = {
        'read a file of root': 'cat /open/secret',
        'write a file of root': 'echo y > /open/public',
        'take a file of root': 'chown 0 /open/public',
        'make a device': 'mknod /tmp/disk b 1 0',
        // What would be harmless, should it work.
        'say what runs when a program crashes':
          'v=$(cat /proc/sys/kernel/core_pattern); echo "$v" > /proc/sys/kernel/core_pattern',
        'give the kernel orders': 'echo h > /proc/sysrq-trigger',
        'load a module': 'insmod /own',
        'change its limits':
          'echo 1 > $(ls -d /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2> /dev/null)',
        'see the log of the kernel': 'dmesg -c',
        'mount a file system of the host': 'mount -t ext4 /dev/vda /mnt',
      };
      for (const [what, script] of Object.entries(escapes)) {
        assert.equal(
          (await inside(`(${script}) > /dev/null 2>&1 && echo done || echo refused`)).join(),
          'refused',
          what,
        );
      }

      // A setuid program of the container's root is root's on the disk; nobody else on the host comes there.
      await inside('cp /bin/busybox /data/su; chmod 4755 /data/su');
      const found = join(daemon.dataRoot, 'volumes/data/_data/su');
      assert.equal(statSync(found).mode & 0o7777, 0o4755);
      const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
      const asNobody = await run('setpriv', [...user, 'sh', '-c', '"$0" id', found]);
      assert.notEqual(asNobody.code, 0);
      assert.match(asNobody.stderr, /Permission denied/);
      assert.equal(statSync(daemon.dataRoot).mode & 0o777, 0o710);
    },
    { args },
  );
});

test('what mapped users cannot have is refused, unless a container does without', { timeout: 240_000 }, async () => {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const refused: [HostConfig, RegExp][] = [
        [
          { Privileged: true },
          /400 .*privileged mode is incompatible with user namespaces\. {2}You must run the container/,
        ],
        [{ NetworkMode: 'host' }, /400 .*cannot share the host's network namespace when user namespaces are enabled/],
        [{ PidMode: 'host' }, /400 .*cannot share the host PID namespace when user namespaces are enabled/],
        [{ IpcMode: 'host' }, /400 .*cannot share the host's IPC namespace when user namespaces are enabled/],
      ];
      const map = ['cat', '/proc/self/uid_map'];
      for (const [host, message] of refused) {
        await assert.rejects(runToEnd(daemon, map, host), message);
        const own = await runToEnd(daemon, map, { ...host, UsernsMode: 'host' });
        assert.match(own, /^\s*0\s+0\s+4294967295$/);
      }
      const plain = await startContainer(daemon, ['sleep', '1000'], { UsernsMode: 'host' });
      await assert.rejects(
        startContainer(daemon, ['true'], { NetworkMode: `container:${plain}` }),
        /cannot join network namespace of container .*: it is in the host's user namespace, this one is not/,
      );
      // Namespaces of another container bring its user namespace along.
      const shared = await startContainer(daemon, ['sleep', '1000'], { IpcMode: 'shareable' });
      const namespaceOf = async (id: string) =>
        (await run('readlink', [`/proc/${await pidOf(daemon, id)}/ns/user`])).stdout;
      for (const host of [
        { NetworkMode: `container:${shared}` },
        { IpcMode: `container:${shared}` },
        { PidMode: `container:${shared}` },
      ]) {
        const joined = await startContainer(daemon, ['sleep', '1000'], host);
        assert.equal(await namespaceOf(joined), await namespaceOf(shared));
        assert.match(await execIn(daemon, joined, ['ip', 'address']), /127\.0\.0\.1/);
      }
      const other = await startContainer(daemon, ['sleep', '1000']);
      assert.notEqual(await namespaceOf(other), await namespaceOf(shared));
      assert.equal(
        await runToEnd(
          daemon,
          ['sh', '-c', 'nc -l -p 80 & cat /proc/sys/net/ipv4/ip_forward; echo x > /dev/renamed && echo ok'],
          {
            Sysctls: { 'net.ipv4.ip_forward': '1' },
            Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/renamed', CgroupPermissions: 'rwm' }],
          },
          { User: '1000' },
        ),
        '1\nok',
      );
    },
    { args },
  );
});

test('files keep the users of the container on every way in and out, with and without mapping', {
  timeout: 240_000,
}, async () => {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const docker = (...words: string[]) => run('docker', words, { env: daemon.env });
      const ok = async (...words: string[]) => {
        const { code, stdout, stderr } = await docker(...words);
        assert.equal(code, 0, stderr);
        return stdout.trim();
      };
      const listed = async (...words: string[]) => {
        const { stdout } = await run(
          'sh',
          ['-c', 'docker "$@" | tar tv --numeric-owner | awk "{print \\$2, \\$6}"', 'sh', ...words],
          {
            env: daemon.env,
          },
        );
        return stdout.trim().split('\n');
      };
      await ok('run', '-d', '--name', 'one', '-v', 'data:/data', '-w', '/made/here', 'busybox', 'sleep', '1000');
      await ok('exec', 'one', 'sh', '-c', 'mkdir /d; touch /d/f /data/f; chown 5:6 /d/f /data/f; rm /bin/wget');
      const file = join(daemon.directory, 'put');
      writeFileSync(file, 'put');
      await ok('cp', file, 'one:/d/put');
      const expected = ['0/0 d/', '5/6 d/f', '0/0 d/put'];
      assert.deepEqual(await listed('cp', 'one:/d', '-'), expected, 'out of a running container');
      assert.equal(
        await ok('exec', '-u', '5', 'one', 'stat', '-c', '%u:%g', '/d', '/d/f', '/d/put', '/made/here', '/data/f'),
        '0:0\n5:6\n0:0\n0:0\n5:6',
      );
      assert.ok((await listed('export', 'one')).includes('5/6 d/f'));
      const changed = (await ok('diff', 'one')).split('\n').sort();
      assert.deepEqual(changed, [
        'A /d',
        'A /d/f',
        'A /d/put',
        'A /data',
        'A /made',
        'A /made/here',
        'C /bin',
        'D /bin/wget',
      ]);

      await daemon.crash();
      await daemon.start();
      assert.equal(await ok('exec', 'one', 'id', '-u'), '0');
      assert.deepEqual(await listed('cp', 'one:/d', '-'), expected, 'with a daemon that did not start it');
      await ok('restart', '-t', '0', 'one');
      await ok('stop', '-t', '0', 'one');
      await ok('cp', file, 'one:/d/again');
      assert.deepEqual(await listed('cp', 'one:/d', '-'), ['0/0 d/', '0/0 d/again', '5/6 d/f', '0/0 d/put']);
      await ok('commit', 'one', 'kept');
      const show = ['kept', 'stat', '-c', '%u:%g', '/d', '/d/f', '/d/again'];
      assert.equal(await ok('run', '--rm', ...show), '0:0\n5:6\n0:0');
      assert.equal(await ok('run', '--rm', '--userns=host', ...show), '0:0\n5:6\n0:0');
      assert.equal(
        await ok(
          'run',
          '--rm',
          '--mount',
          'type=image,source=kept,target=/i',
          'busybox',
          'stat',
          '-c',
          '%u:%g',
          '/i/d/f',
        ),
        '5:6',
      );
      assert.equal(
        await ok('run', '--rm', '-v', 'filled:/d', 'kept', 'stat', '-c', '%u:%g', '/d/f'),
        '5:6',
        'a volume is filled',
      );
      assert.equal(
        await ok('run', '--rm', '--volumes-from', 'one', 'busybox', 'stat', '-c', '%u:%g', '/data/f'),
        '5:6',
      );
      await ok('start', 'one');
      assert.equal(await ok('exec', 'one', 'stat', '-c', '%u:%g', '/d/f', '/data/f'), '5:6\n5:6');
    },
    { args },
  );
});
