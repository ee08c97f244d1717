import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

test('TCP without TLS beyond this machine is refused; with certificates only who has one gets in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-tls-'));
  try {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
    const subject = (name: string) => [
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
    ];
    openssl('req', '-x509', '-days', '1', '-out', 'ca.pem', ...subject('ca'));
    for (const name of ['server', 'client']) {
      writeFileSync(join(directory, 'names'), 'subjectAltName=IP:127.0.0.1');
      openssl('req', '-out', `${name}.csr`, ...subject(name));
      const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'names'];
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signing);
    }
    const file = (name: string) => join(directory, name);
    const certificates = `--tlscacert ${file('ca.pem')} --tlscert ${file('server.pem')} --tlskey ${file('server.key')}`;
    await withDaemon(
      async (daemon) => {
        const port = Number(/tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log)?.[1]);
        const ask = (own: object) =>
          new Promise<number>((resolve, reject) => {
            const ca = readFileSync(file('ca.pem'));
            const req = get({ host: '127.0.0.1', port, path: '/_ping', ca, agent: false, ...own }, (res) => {
              res.resume();
              res.once('end', () => resolve(res.statusCode ?? 0));
            });
            req.once('error', reject);
          });
        assert.equal(await ask({ cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) }), 200);
        await assert.rejects(ask({}), /certificate required|socket hang up|ECONNRESET/i);
        const args = ['--data-root', file('d'), '--exec-root', file('e'), '--host', 'tcp://0.0.0.0:0'];
        const plain = await run(wharfdPath, [...args, '--group', 'root']);
        assert.equal(plain.code, 1);
        assert.match(plain.stderr, /refusing to listen on tcp:\/\/0\.0\.0\.0:0 without TLS/);
      },
      { args: ['--host', 'tcp://127.0.0.1:0', '--tlsverify', ...certificates.split(' ')] },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('fd://: started by a socket that is held for it, as systemd does; the socket stays when it goes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-activated-'));
  const socket = join(directory, 'a.sock');
  const args = ['--data-root', join(directory, 'd'), '--exec-root', join(directory, 'e'), '--host', 'fd://'];
  const child = spawn(
    'systemd-socket-activate',
    ['-l', socket, '-E', `PATH=${process.env['PATH']}`, wharfdPath, ...args, '--group', 'root'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(child, 'exit');
  try {
    for await (const line of createInterface({ input: child.stderr })) if (line.includes('Listening on')) break;
    child.stderr.resume();
    assert.equal(await api(socket, 'GET', '/_ping'), 'OK');
    child.kill('SIGTERM');
    await ended;
    assert.ok(existsSync(socket));
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});
