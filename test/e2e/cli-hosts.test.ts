import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

/** Stands for ssh: says what it was asked to do, and does it here. */
function fakeSsh(daemon: TestDaemon): { folder: string; log: string } {
  const folder = join(daemon.directory, 'ssh-bin');
  const log = join(daemon.directory, 'ssh.log');
  mkdirSync(folder);
  const there = join(daemon.directory, 'remote-bin');
  mkdirSync(there);
  writeFileSync(join(there, 'wharf'), `#!/bin/sh\nWHARF_HOST=${daemon.host} exec ${wharfPath} "$@"\n`);
  const program = `#!/bin/sh\necho "$@" >> ${log}\nfor last; do :; done\nPATH=${there}:$PATH exec sh -c "$last"\n`;
  writeFileSync(join(folder, 'ssh'), program);
  for (const path of [join(there, 'wharf'), join(folder, 'ssh')]) chmodSync(path, 0o755);
  return { folder, log };
}

test('engines elsewhere: by ssh, by context, over TLS, of an older API', { timeout: 180_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { folder, log } = fakeSsh(daemon);
    const { WHARF_HOST: _, DOCKER_HOST: __, ...bare } = daemon.env;
    const env = { ...bare, PATH: `${folder}:${bare['PATH']}` };
    const wharf = (args: readonly string[], input?: string, more: NodeJS.ProcessEnv = {}) =>
      run(wharfPath, args, { env: { ...env, ...more }, ...(input === undefined ? {} : { input }) });

    await t.test('ssh: requests, and streams that end in one direction first', async () => {
      const host = ['-H', 'ssh://me@box:2222'];
      const outcome = await wharf([...host, 'run', '-i', '--rm', 'busybox', 'sh', '-c', 'cat; exit 3'], 'typed');
      assert.deepEqual(outcome, { code: 3, stdout: 'typed', stderr: '' });
      assert.match(readFileSync(log, 'utf8'), /-T -l me -p 2222 -- box sh -c .*system dial-stdio/);
    });

    await t.test('contexts: made, used, shown, removed', async () => {
      const made = await wharf(['context', 'create', 'box', '--description', 'mine', '--docker', 'host=ssh://box']);
      assert.deepEqual(made, { code: 0, stdout: 'box\n', stderr: 'Successfully created context "box"\n' });
      assert.match((await wharf(['ps'])).stderr, /Cannot connect to the Docker daemon at unix:\/\/\/run\/wharf/);
      assert.equal((await wharf(['--context', 'box', 'images', '--format', '{{.Repository}}'])).stdout, 'busybox\n');
      assert.equal((await wharf(['context', 'use', 'box'])).code, 0);
      assert.equal((await wharf(['images', '--format', '{{.Repository}}'])).stdout, 'busybox\n');
      assert.equal((await wharf(['context', 'show'])).stdout, 'box\n');
      assert.equal((await wharf(['context', 'show'], undefined, { DOCKER_CONTEXT: 'default' })).stdout, 'default\n');
      const both = await wharf(['-H', daemon.host, '--context', 'box', 'ps']);
      assert.match(both.stderr, /conflicting options: cannot specify both --host and --context/);
      assert.match((await wharf(['context', 'rm', 'box'])).stderr, /context "box" is in use, set -f flag/);
      assert.equal((await wharf(['context', 'use', 'default'])).code, 0);
      assert.equal((await wharf(['context', 'rm', 'box'])).stdout, 'box\n');
      assert.match((await wharf(['--context', 'box', 'ps'])).stderr, /context "box": context not found/);
    });

    for (const version of ['1.24', '1.30', '1.41']) {
      await t.test(`API ${version}`, async () => {
        const old = { DOCKER_API_VERSION: version, WHARF_HOST: daemon.host };
        const outcome = await wharf(['run', '--rm', '-i', 'busybox', 'cat'], 'typed', old);
        assert.deepEqual(outcome, { code: 0, stdout: 'typed', stderr: '' });
        for (const args of [['ps'], ['images'], ['info'], ['version'], ['network', 'ls'], ['system', 'df']]) {
          const { code, stderr } = await wharf(args, undefined, old);
          assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
        }
      });
    }
  });
});

test('TLS: verified both ways', { timeout: 120_000 }, async () => {
  const port = await freePort();
  const certificates = join(execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim());
  makeCertificates(certificates);
  const at = (name: string) => join(certificates, name);
  const tls = [
    '--tlsverify',
    '--tlscacert',
    at('ca.pem'),
    '--tlscert',
    at('server-cert.pem'),
    '--tlskey',
    at('server-key.pem'),
  ];
  try {
    await withDaemon(
      async (daemon) => {
        await importBusybox(daemon.socket);
        const { WHARF_HOST: _, DOCKER_HOST: __, ...env } = daemon.env;
        const host = `tcp://127.0.0.1:${port}`;
        const wharf = (args: readonly string[], more: NodeJS.ProcessEnv = {}, input?: string) =>
          run(wharfPath, args, { env: { ...env, ...more }, ...(input === undefined ? {} : { input }) });
        const mine = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates };
        assert.deepEqual(await wharf(['images', '--format', '{{.Repository}}'], mine), {
          code: 0,
          stdout: 'busybox\n',
          stderr: '',
        });
        const outcome = await wharf(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; exit 3'], mine);
        assert.deepEqual(outcome, { code: 3, stdout: 'out\n', stderr: '' });
        const echoed = await wharf(['run', '--rm', '-i', 'busybox', 'cat'], mine, 'typed');
        assert.deepEqual(echoed, { code: 0, stdout: 'typed', stderr: '' });
        const flags = [
          '--tlsverify',
          '--tlscacert',
          at('ca.pem'),
          '--tlscert',
          at('cert.pem'),
          '--tlskey',
          at('key.pem'),
        ];
        assert.equal((await wharf(['-H', host, ...flags, 'ps', '-q'])).code, 0);
        const endpoint = `host=${host},ca=${at('ca.pem')},cert=${at('cert.pem')},key=${at('key.pem')}`;
        assert.equal((await wharf(['context', 'create', 'safe', '--docker', endpoint])).code, 0);
        assert.equal((await wharf(['-c', 'safe', 'ps', '-q'])).code, 0);
        const without = await wharf([
          '-H',
          host,
          '--tlsverify',
          '--tlscacert',
          at('ca.pem'),
          '--tlscert',
          at('other-cert.pem'),
          '--tlskey',
          at('other-key.pem'),
          'ps',
        ]);
        assert.equal(without.code, 1);
        assert.equal((await wharf(['-H', host, 'ps'])).code, 1);
      },
      { args: ['--host', `tcp://127.0.0.1:${port}`, ...tls] },
    );
  } finally {
    execFileSync('rm', ['-r', certificates]);
  }
});

/** An authority, a server and a client that it vouches for, and a client that nobody knows. */
function makeCertificates(folder: string): void {
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const self = (key: string, cert: string, name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      key,
      '-out',
      cert,
    );
  self('ca-key.pem', 'ca.pem', 'authority');
  self('other-key.pem', 'other-cert.pem', 'stranger');
  writeFileSync(join(folder, 'server.ext'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n');
  writeFileSync(join(folder, 'client.ext'), 'extendedKeyUsage=clientAuth\n');
  for (const [kind, prefix] of [
    ['server', 'server-'],
    ['client', ''],
  ] as const) {
    openssl(
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${kind}`,
      '-keyout',
      `${prefix}key.pem`,
      '-out',
      `${kind}.csr`,
    );
    openssl(
      'x509',
      '-req',
      '-days',
      '2',
      '-in',
      `${kind}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca-key.pem',
      '-CAcreateserial',
      '-extfile',
      `${kind}.ext`,
      '-out',
      `${prefix}cert.pem`,
    );
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
