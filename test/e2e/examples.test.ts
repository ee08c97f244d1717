import assert from 'node:assert/strict';
import { get } from 'node:http';
import { test } from 'node:test';
import { withDaemon } from './support/daemon.ts';
import { baseImages, compose, freePort, leftOf } from './support/examples.ts';
import { run } from './support/run.ts';

test('the shop: a counter in MariaDB rises, and survives down and up', { timeout: 600_000 }, async () => {
  await withDaemon(async (daemon) => {
    await baseImages(daemon, 'debian:bookworm');
    const port = await freePort();
    const shop = compose(daemon, 'shop', { SHOP_PORT: String(port) });
    await shop('up', '-d', '--build', '--wait');
    assert.equal(await visits(port), 1);
    assert.equal(await visits(port), 2);

    const again = await shop('up', '-d');
    assert.doesNotMatch(again.stderr, /Recreat|Creat|Start(ed|ing)/, 'a second up has nothing to do');
    assert.match((await shop('ps')).stdout, /shop-db-1.*\(healthy\)/);
    assert.match((await shop('exec', '-T', 'app', 'id', '-un')).stdout, /^shop$/m);
    assert.match((await shop('logs', 'web')).stdout, /GET \/ HTTP/);

    await shop('down');
    assert.deepEqual(await leftOf(daemon, 'shop'), { containers: 0, networks: 0, volumes: 1 });
    await shop('up', '-d', '--wait');
    assert.equal(await visits(port), 3);
    await shop('down', '-v', '--rmi', 'local');
    assert.deepEqual(await leftOf(daemon, 'shop'), { containers: 0, networks: 0, volumes: 0 });
  });
});

test('two major versions of one database side by side, asked by a real client', { timeout: 600_000 }, async () => {
  await withDaemon(async (daemon) => {
    await baseImages(daemon, 'debian:bookworm', 'debian:trixie');
    const databases = compose(daemon, 'two-databases');
    await databases('up', '-d', '--build', '--wait');
    const ask = (port: string, password: string, sql: string) =>
      run('mariadb', ['-h', '127.0.0.1', '-P', port, '-u', 'root', `-p${password}`, '-N', '-B', '-e', sql]);
    const [ten, eleven] = await Promise.all([
      ask('3307', 'first-secret', 'select version(); show databases'),
      ask('3308', 'second-secret', 'select version(); show databases'),
    ]);
    assert.match(ten.stdout, /^10\.11\./, ten.stderr);
    assert.match(ten.stdout, /^first$/m);
    assert.match(eleven.stdout, /^11\.8\./, eleven.stderr);
    assert.match(eleven.stdout, /^second$/m);
    await databases('down', '--volume');
    assert.deepEqual(await leftOf(daemon, 'two-databases'), { containers: 0, networks: 0, volumes: 0 });
  });
});

function visits(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/', agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => {
        const count = /id="visits">(\d+)</.exec(text)?.[1];
        if (count === undefined) reject(new Error(`HTTP ${res.statusCode}: ${text}`));
        else resolve(Number(count));
      });
      res.on('error', reject);
    }).once('error', reject);
  });
}
