import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';

const ROUNDS = 50;
const AT_ONCE = 5;
const SIZE = 3_000_000;

test(`${SIZE} bytes through the stdin of an exec come back the same, ${ROUNDS} times`, {
  timeout: 300_000,
}, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const clients = [wharfPath, ...(spawnSync('docker', ['--version']).status === 0 ? ['docker'] : [])];
    assert.equal(
      spawnSync(wharfPath, ['run', '-d', '--name', 'web', 'busybox', 'sleep', '1000'], { env: daemon.env }).status,
      0,
    );
    const bytes = randomBytes(SIZE);
    const wanted = createHash('md5').update(bytes).digest('hex');

    /** Sends all and closes; what came back, by length and sum. */
    const echoed = (client: string) =>
      new Promise<string>((resolve, reject) => {
        const child = spawn(client, ['exec', '-i', 'web', 'cat'], {
          env: daemon.env,
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        const hash = createHash('md5');
        let length = 0;
        child.stdout.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          length += chunk.length;
        });
        child.once('error', reject);
        child.once('close', (code) => resolve(`${code} ${length} ${hash.digest('hex')}`));
        child.stdin.end(bytes);
      });

    for (const client of clients) {
      await t.test(client === 'docker' ? 'docker' : 'wharf', async () => {
        for (let round = 0; round < ROUNDS; round += AT_ONCE) {
          const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => echoed(client)));
          for (const answer of answers) assert.equal(answer, `0 ${SIZE} ${wanted}`);
        }
      });
    }
  });
});
