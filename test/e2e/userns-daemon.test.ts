import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { TestDaemon, wharfdPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('default makes the user dockremap and gives it IDs, in the usual files', { timeout: 60_000 }, async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wharf-etc-')));
  try {
    chmodSync(directory, 0o711);
    // A machine that has no such user: /etc is this test's own in the daemon's mount namespace.
    const launcher = join(directory, 'launch');
    const private_ = (...parts: string[]) => join(directory, ...parts);
    for (const part of ['upper', 'work']) mkdirSync(private_(part));
    writeFileSync(
      launcher,
      `#!/bin/sh
exec unshare --mount --propagation private sh -c '
  mount -t overlay -o lowerdir=/etc,upperdir=${private_('upper')},workdir=${private_('work')} overlay /etc
  userdel dockremap 2> /dev/null
  sed -i /dockremap/d /etc/subuid /etc/subgid
  echo anna:100000:65536 > /etc/subuid
  exec ${wharfdPath} "$@"' sh "$@"
`,
      { mode: 0o755 },
    );
    const daemon = new TestDaemon(directory, ['--userns-remap=default'], {}, launcher);
    await daemon.start();
    await daemon.stop();
    const etc = (name: string) => readFileSync(private_('upper', name), 'utf8');
    assert.match(etc('passwd'), /^dockremap:x:\d+:\d+:.*:\/bin\/false$/m);
    assert.match(etc('group'), /^dockremap:x:/m);
    assert.equal(etc('subuid'), 'anna:100000:65536\ndockremap:165536:65536\n');
    assert.equal(/^dockremap:.*$/m.exec(etc('subgid'))?.[0], 'dockremap:100000:65536');
    assert.equal(existsSync(join(daemon.dataRoot, 'mapped')), true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a mapping that cannot be is refused in clear words, and leaves nothing', { timeout: 60_000 }, async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wharf-userns-')));
  try {
    const roots = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
    const start = (...more: string[]) =>
      run(wharfdPath, [...roots, '--host', `unix://${directory}/s`, '--group', 'root', ...more]);
    for (const [setting, message] of [
      ['no-such-user', /wharfd: userns-remap: there is no user "no-such-user" in \/etc\/passwd/],
      ['65534', /wharfd: userns-remap: no subuid ranges found for "nobody" in \/etc\/subuid/],
      ['a:b:c', /wharfd: invalid user\/group specification in userns-remap: "a:b:c"/],
      // The directory of this test is closed to others.
      ['default', /keeps the remapped root \(\d+:\d+\) out: give others passage with chmod o\+x/],
    ] as const) {
      const refused = await start('--userns-remap', setting);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, message);
    }
    const file = join(directory, 'daemon.json');
    writeFileSync(file, '{"userns-remap": "no-such-user"}');
    assert.match((await start('--config-file', file)).stderr, /there is no user "no-such-user"/);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    assert.ok(!mounts.includes(directory));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('turned off, what was made with mapped users goes on as if it had never been', { timeout: 120_000 }, async () => {
  await withDaemon(
    async (plain) => {
      const remapped = new TestDaemon(plain.directory, ['--userns-remap=default']);
      await plain.stop();
      await remapped.start();
      await importBusybox(remapped.socket);
      const ok = async (...words: string[]) => {
        const { code, stdout, stderr } = await run('docker', words, { env: plain.env });
        assert.equal(code, 0, stderr);
        return stdout.trim();
      };
      await ok('run', '-d', '--name', 'one', '-v', 'data:/data', 'busybox', 'sh', '-c', 'chown 5:6 /data; sleep 1000');
      const map = ['exec', 'one', 'cat', '/proc/self/uid_map'];
      assert.match(await ok(...map), /^0\s+[1-9]/);
      await remapped.crash();
      await plain.start();
      assert.match(await ok(...map), /^0\s+[1-9]/, 'it goes on running as it was');
      assert.equal(await ok('cp', '-q', 'one:/data', plain.directory), '');
      await ok('restart', '-t', '0', 'one');
      assert.match(await ok(...map), /^0\s+0\s/);
      assert.equal(await ok('exec', 'one', 'stat', '-c', '%u:%g', '/data', '/etc/hosts'), '5:6\n0:0');
      await ok('rm', '-f', 'one');
    },
    { args: ['--userns-remap='] },
  );
});
