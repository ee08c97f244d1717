import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { startContainer } from './support/containers.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

const PORT = 28760;
/** Answers each line with itself, for as long as the client stays. */
const ECHO = ['nc', '-ll', '-p', '80', '-e', 'cat'];

const pidOf = async (daemon: TestDaemon, id: string) =>
  ((await api(daemon.socket, 'GET', `/containers/${id}/json`)) as { State: { Pid: number } }).State.Pid;

/** What a name stands for where a process is, asked of the engine's resolver. */
function resolve(pid: number, name: string): string[] {
  try {
    const text = execFileSync(
      'nsenter',
      ['-t', String(pid), '-n', 'busybox', 'nslookup', '-type=a', name, '127.0.0.11'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    return [...text.matchAll(/^Address:\s+([\d.]+)$/gm)].map((match) => match[1] ?? '');
  } catch {
    return [];
  }
}

/** Says something to a port of the host; what comes back. */
async function echo(host: string): Promise<string> {
  const socket = connect({ host, port: PORT });
  socket.end('hello');
  // Without a rule that leads on, the socket that holds the port takes the connection, and says nothing.
  socket.setTimeout(1000, () => socket.destroy());
  let text = '';
  try {
    for await (const data of socket) text += String(data);
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}

async function canBind(host: string): Promise<boolean> {
  const server = createServer();
  server.listen(PORT, host);
  try {
    await once(server, 'listening');
    server.close();
    return true;
  } catch {
    return false;
  }
}

test('while there is no daemon names are resolved, ports answer and stay taken, connections go on', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await api(daemon.socket, 'POST', '/networks/create', { Name: 'net' });
    const published = { PortBindings: { '80/tcp': [{ HostPort: String(PORT) }] } };
    const server = await startContainer(daemon, ECHO, { NetworkMode: 'net', ...published }, { Name: 'server' });
    const client = await startContainer(daemon, ['sleep', '1000'], { NetworkMode: 'net' }, { Name: 'client' });
    const pid = await pidOf(daemon, client);
    const [address = ''] = resolve(pid, 'server');
    assert.match(address, /^10\.213\./);
    const works = async (when: string) => {
      assert.deepEqual(resolve(pid, 'server'), [address], when);
      for (const host of ['127.0.0.1', '::1']) assert.equal(await echo(host), 'hello', `${when}: ${host}`);
      for (const host of ['0.0.0.0', '::1']) assert.equal(await canBind(host), false, `${when}: ${host} is free`);
    };
    await works('before');

    const long = connect({ host: '::1', port: PORT });
    await once(long, 'connect');
    const say = async (word: string) => {
      long.write(word);
      assert.equal(String((await once(long, 'data'))[0]), word);
    };
    await say('one');
    await daemon.crash();
    await works('without a daemon');
    await say('two');
    // What "nft flush ruleset" would do to it.
    for (const family of ['ip', 'ip6']) execFileSync('nft', ['flush', 'table', family, tableOf(daemon)]);
    execFileSync('nft', ['delete', 'table', 'ip', tableOf(daemon)]);
    while ((await echo('127.0.0.1')) !== 'hello');
    await works('with its firewall tables put back');
    await daemon.start();
    await works('with the next one');
    await say('three');
    long.end();
    await once(long, 'close');

    const monitor = monitorOf(daemon);
    process.kill(monitor, 'SIGKILL');
    while (resolve(pid, 'server').length === 0 || (await echo('::1')) !== 'hello');
    assert.notEqual(monitorOf(daemon), monitor);
    await startContainer(daemon, ['sleep', '1000'], { NetworkMode: 'net' }, { Name: 'third' });
    await works('with another monitor');
    assert.notDeepEqual(resolve(pid, 'third'), []);

    await daemon.crash();
    process.kill(monitorOf(daemon), 'SIGKILL');
    await daemon.start();
    await works('after both were killed');
    await api(daemon.socket, 'DELETE', `/containers/${server}?force=1`);
    assert.deepEqual(resolve(pid, 'server'), []);
    assert.equal(await canBind('0.0.0.0'), true);
  });
});

/** The name of the daemon's tables in the firewall. */
function tableOf(daemon: TestDaemon): string {
  return `wharf_${createHash('sha256').update(daemon.dataRoot).digest('hex').slice(0, 6)}`;
}

/** The process that has the monitor's lock. */
function monitorOf(daemon: TestDaemon): number {
  const found = execFileSync('pgrep', ['-f', `wharf-monitor.* ${daemon.execRoot}$`], { encoding: 'utf8' });
  const pids = found.trim().split('\n').map(Number);
  const [pid] = pids.filter((p) => readFileSync(`/proc/${p}/stat`, 'latin1').split(') ')[1]?.[0] !== 'Z');
  assert.ok(pid !== undefined);
  return pid;
}
