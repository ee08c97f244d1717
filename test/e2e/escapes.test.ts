import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { pack } from 'tar-stream';
import type { HostConfig } from '../../src/core/wire/container.ts';
import { importBusybox } from './support/busybox.ts';
import { execIn, startContainer } from './support/containers.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

/** Tries to write to every program that is not the container's own, as it comes by: what `exec` runs is one for a moment. */
const OVERWRITE = `while :; do for p in /proc/[0-9]*; do
  case $(readlink $p/exe) in ''|/bin/busybox) continue;; esac
  { exec 9< $p/exe; } 2>/dev/null || continue
  touch /met
  { printf '#!/bin/sh\\ntouch /owned\\n' > /proc/self/fd/9; } 2>/dev/null && touch /wrote
  exec 9<&-
done; done`;

test('the OCI runtime cannot be overwritten through /proc/self/exe', { timeout: 200_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const programs = ['crun', 'runc'].flatMap(
      (name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim() || [],
    );
    const digests = () => programs.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    const before = digests();
    assert.ok(before.length > 0);
    const id = await startContainer(daemon, ['sh', '-c', OVERWRITE], {});
    // An entry point that is the runtime itself, once more, inside.
    const context = join(daemon.directory, 'context');
    mkdirSync(context);
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN ln -s /proc/self/exe /again\nENTRYPOINT ["/again"]\n',
    );
    const built = await run(wharfPath, ['build', '-q', '-t', 'again', context], { env: daemon.env });
    assert.equal(built.code, 0, built.stderr);
    for (let i = 0; i < 15; i++) {
      await execIn(daemon, id, ['/proc/self/exe', 'true']).catch(() => undefined);
      await execIn(daemon, id, ['true']);
      if (i % 5 === 0) await run(wharfPath, ['run', '--rm', 'again'], { env: daemon.env, timeoutMs: 30_000 });
    }
    const marks = await execIn(daemon, id, ['sh', '-c', 'ls / | grep -E "wrote|owned"; true']);
    assert.equal(marks, '');
    assert.deepEqual(digests(), before);
    await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
  });
});

test('what a container does to its mounts stays with it, and a replaced /proc gives exec nothing more', {
  timeout: 200_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const source = join(daemon.directory, 'shared');
    mkdirSync(source);
    execFileSync('mount', ['--bind', source, source]);
    execFileSync('mount', ['--make-rshared', source]);
    chmodSync(source, 0o777);
    mkdirSync(join(source, 'inside'));
    const seen = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${join(source, 'inside')} `);
    try {
      const mounting = 'mount --make-rshared /m; mount --make-rshared /; mount -t tmpfs tmpfs /m/inside; true';
      const tries: [host: HostConfig, why: string][] = [
        [{ Binds: [`${source}:/m:rshared`] }, 'without the right to mount'],
        [
          { Binds: [`${source}:/m`], CapAdd: ['SYS_ADMIN'], SecurityOpt: ['apparmor=unconfined'] },
          'on a private mount',
        ],
        [{ Binds: [`${source}:/m:rslave`], CapAdd: ['SYS_ADMIN'] }, 'on a mount that only receives'],
      ];
      for (const [host, why] of tries) {
        const id = await startContainer(daemon, ['sleep', '1000'], { ...host, UsernsMode: 'host' });
        await execIn(daemon, id, ['sh', '-c', mounting]);
        assert.equal(seen(), false, why);
        await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
      }
    } finally {
      if (seen()) execFileSync('umount', [join(source, 'inside')]);
      execFileSync('umount', [source]);
    }

    const id = await startContainer(daemon, ['sleep', '1000'], { CapAdd: ['SYS_ADMIN'], UsernsMode: 'host' });
    const rights = async () => /CapEff:\s*(\S+)/.exec(await execIn(daemon, id, ['cat', '/real/1/status']))?.[1];
    const own = ['sh', '-c', 'mkdir /real; mount --bind /proc /real; grep CapEff /proc/self/status'];
    const before = /CapEff:\s*(\S+)/.exec(await execIn(daemon, id, own))?.[1];
    assert.ok(before);
    const fake = `umount -l /proc; mount -t tmpfs tmpfs /proc; mkdir -p /proc/self/attr /proc/self/fd /proc/1; echo 'CapEff: 0' > /proc/self/status;
      for f in uid_map gid_map setgroups attr/exec attr/current oom_score_adj; do : > /proc/self/$f; done; ln -s self /proc/thread-self`;
    await execIn(daemon, id, ['sh', '-c', fake]);
    const { code, stdout, stderr } = await run(
      wharfPath,
      ['exec', id, 'sh', '-c', 'cat /real/$$/status /real/self/status 2>/dev/null | grep CapEff'],
      {
        env: daemon.env,
        timeoutMs: 30_000,
      },
    );
    if (code === 0)
      assert.equal(new Set(stdout.match(/CapEff:\s*\S+/g)).size <= 1 && stdout.includes(before), true, stdout);
    else assert.ok(stderr.length > 0, 'it says why');
    assert.equal((await rights().catch(() => before)) ?? before, before);
    await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
  });
});

test('no name, log option or path of a request leads to a file elsewhere', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const out = join(daemon.directory, 'elsewhere');
    const create = (body: object, name = ''): Promise<unknown> =>
      api(daemon.socket, 'POST', `/containers/create${name}`, { Image: 'busybox', Cmd: ['echo', 'x'], ...body });
    const log = (Config: object, Type = 'json-file') => ({ HostConfig: { LogConfig: { Type, Config } } });
    for (const refused of [
      () => create(log({ path: out })),
      () => create(log({ 'log-path': out })),
      () => create(log({ file: out }, 'local')),
      () => create(log({}, `../../../../..${out}`)),
      () => create({}, `?name=${encodeURIComponent(`../../../../..${out}`)}`),
      () => create({ Image: `../../../../..${out}` }),
      () => api(daemon.socket, 'POST', '/volumes/create', { Name: '../../elsewhere' }),
      () => api(daemon.socket, 'GET', `/containers/${encodeURIComponent('../../../../etc/passwd')}/logs?stdout=1`),
      () => api(daemon.socket, 'GET', `/containers/..%2f..%2f..%2fetc/json`),
      () => api(daemon.socket, 'GET', '/images/..%2f..%2fetc%2fpasswd/get'),
    ]) {
      await assert.rejects(refused(), / [45]\d\d /);
    }
    assert.equal(statSync(out, { throwIfNoEntry: false }), undefined);
    // Links in the places that are opened or mounted for a container lead nowhere but into it.
    mkdirSync(join(daemon.directory, 'host'));
    for (const [name, links] of [
      ['files', { 'etc/hosts': out, 'etc/hostname': out, 'etc/resolv.conf': out, 'dev/console': out }],
      ['proc', { proc: join(daemon.directory, 'host') }],
      ['dev', { dev: join(daemon.directory, 'host'), sys: `../../../..${join(daemon.directory, 'host')}` }],
    ] as const) {
      const archive = join(daemon.directory, `${name}.tar`);
      writeFileSync(archive, await imageWith(links));
      const imported = await run(wharfPath, ['import', archive, `links-${name}`], { env: daemon.env });
      assert.equal(imported.code, 0, imported.stderr);
      const words = ['run', '--rm', '-t', `links-${name}`, '/busybox', 'true'];
      await run(wharfPath, words, { env: daemon.env, timeoutMs: 30_000 });
      assert.equal(statSync(out, { throwIfNoEntry: false }), undefined, name);
      assert.deepEqual(readdirSync(join(daemon.directory, 'host')), [], name);
      assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${join(daemon.directory, 'host')} `), name);
    }
  });
});

/** A root of busybox and links. */
async function imageWith(links: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'busybox', mode: 0o755 }, readFileSync('/bin/busybox'));
  for (const [name, linkname] of Object.entries(links)) tar.entry({ name, type: 'symlink', linkname });
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('only root and the group may use the socket; web pages may use no address', { timeout: 120_000 }, async () => {
  const group = 54_321;
  await withDaemon(
    async (daemon) => {
      const { mode, uid, gid } = statSync(daemon.socket);
      assert.deepEqual([mode & 0o777, uid, gid], [0o660, 0, 0]);
      chmodSync(daemon.directory, 0o755);
      const mayUse = (who: number, of: number): boolean =>
        spawnSync('/bin/sh', ['-c', `test -w ${daemon.socket}`], { uid: who, gid: of }).status === 0;
      chownSync(daemon.socket, 0, group);
      assert.deepEqual([mayUse(65_534, 65_534), mayUse(65_534, group), mayUse(0, 0)], [false, true, true]);

      const port = Number(/tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log)?.[1]);
      assert.equal(await ask(port, {}), 200);
      assert.equal(await ask(port, { host: `localhost:${port}` }), 200);
      assert.equal(await ask(port, { host: `rebound.test:${port}` }), 403);
      assert.equal(await ask(port, { origin: 'http://evil.test' }), 403);
      assert.equal(await ask(port, { origin: 'null' }, 'POST'), 403);
      assert.equal(
        await ask(port, { origin: `http://rebound.test:${port}`, host: `rebound.test:${port}` }, 'POST'),
        403,
      );
      const list = (await api(daemon.socket, 'GET', '/containers/json?all=1')) as unknown[];
      assert.equal(list.length, 0, 'nothing was made');
    },
    { args: ['--host', 'tcp://127.0.0.1:0'] },
  );
});

/** The status of a harmless question, or of an attempt to make a container. */
function ask(port: number, headers: Record<string, string>, method = 'GET'): Promise<number> {
  const path = method === 'GET' ? '/version' : '/containers/create';
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode ?? 0);
    });
    req.once('error', reject);
    req.end();
  });
}
