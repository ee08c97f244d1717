import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { withDaemon } from './support/daemon.ts';

test('a removal that met the limit of open files is finished as soon as files can be opened', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    // One connection for all: no other can be made at the limit.
    using agent = disposable(new Agent({ keepAlive: true, maxSockets: 1 }));
    const call = (method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json' };
        const req = request({ socketPath: daemon.socket, method, path, agent: agent.value, headers }, (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('error', reject);
          res.on('end', () => resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        });
        req.on('error', reject);
        req.end(body === undefined ? undefined : JSON.stringify(body));
      });
    const made = await call('POST', '/containers/create?name=files', {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'mkdir -p /d/e/f && touch /d/e/f/g'],
    });
    assert.equal(made.status, 201, made.text);
    const { Id } = JSON.parse(made.text) as { Id: string };
    await call('POST', `/containers/${Id}/start`);
    await call('POST', `/containers/${Id}/wait`);
    const { destroyed } = await listen(daemon.socket, Id);

    const pid = String(daemon.pid);
    const usual = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
    execFileSync('prlimit', ['--pid', pid, '--nofile=3:']);
    const refused = await call('DELETE', `/containers/${Id}`);
    execFileSync('prlimit', ['--pid', pid, `--nofile=${usual}:`]);

    // Only one that was refused has anything left to do.
    assert.equal(refused.status, 500, refused.text);
    assert.match(refused.text, /open files/);
    await destroyed;
    assert.deepEqual(
      readdirSync(join(daemon.dataRoot, 'tmp')).filter((name) => name.startsWith('gone-')),
      [],
    );
  });
});

/** Listens for the end of a container; resolves when that has begun. */
function listen(socketPath: string, id: string): Promise<{ readonly destroyed: Promise<unknown> }> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ['destroy'] }));
  return new Promise((resolve, reject) => {
    const req = request({ socketPath, path: `/events?filters=${filters}`, agent: false }, (res) => {
      resolve({ destroyed: once(res, 'data').finally(() => req.destroy()) });
    });
    req.on('error', reject);
    req.end();
  });
}

function disposable(agent: Agent): Disposable & { readonly value: Agent } {
  return { value: agent, [Symbol.dispose]: () => agent.destroy() };
}
