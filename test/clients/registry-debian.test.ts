import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withRegistry } from '../e2e/registry-lab.ts';

/** Debian's docker-registry (the reference implementation), on a free port with a directory of its own. */
async function withReference(body: (host: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-registry-'));
  const port = await freePort();
  const config = join(directory, 'config.yml');
  mkdirSync(join(directory, 'data'));
  writeFileSync(
    config,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${directory}/data\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:${port}\n`,
  );
  const child: ChildProcess = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (!child.stderr) throw new Error('no output');
  const lines = createInterface({ input: child.stderr });
  try {
    for await (const line of lines) if (line.includes('listening on')) break;
    child.stderr.resume();
    await body(`127.0.0.1:${port}`);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('push to and pull from the reference registry; blobs are mounted; our cache stands before it', {
  timeout: 120_000,
}, async () => {
  await withReference(async (host) => {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const wharf = async (...args: string[]) => {
        const outcome = await run(wharfPath, args, { env: daemon.env });
        assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      await wharf('tag', 'busybox', `${host}/one/app:1`);
      const digest = /digest: (sha256:\w+)/.exec(await wharf('push', `${host}/one/app:1`))?.[1];
      await wharf('tag', 'busybox', `${host}/two/app:1`);
      assert.match(await wharf('push', `${host}/two/app:1`), /Mounted from one\/app/);
      await wharf('rmi', `${host}/one/app:1`, `${host}/two/app:1`, 'busybox');
      assert.match(await wharf('pull', `${host}/one/app:1`), new RegExp(`Digest: ${digest}`));
      assert.match(await wharf('manifest', 'inspect', `${host}/one/app:1`), /"schemaVersion": 2/);
      const absent = await run(wharfPath, ['pull', `${host}/one/none:1`], { env: daemon.env });
      assert.match(absent.stderr, /manifest for .* not found|pull access denied/);
      await withRegistry(
        async (cache) => {
          assert.match(await wharf('pull', `${cache.host}/one/app:1`), new RegExp(`Digest: ${digest}`));
        },
        { proxy: `http://${host}` },
      );
    });
  });
});
