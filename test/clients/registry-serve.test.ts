import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { Authority, outerAddress } from '../e2e/registry-tls.ts';

/** `ann` with the password `U*U`. */
const HTPASSWD = 'ann:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n';

/** Runs `wharf registry serve` until `body` is done; it must end well at SIGTERM. */
async function serving(
  args: readonly string[],
  body: (url: URL, child: { kill(signal: NodeJS.Signals): void; readonly log: string[] }) => Promise<void>,
): Promise<void> {
  const child = spawn(wharfPath, ['registry', 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  try {
    const [line] = (await Promise.race([once(lines, 'line'), ended.then(() => [''])])) as [string];
    const [, url] = /^wharf registry ready at (\S+)$/.exec(line) ?? [];
    if (url === undefined) throw new Error(`it did not start: ${log.join('\n')}`);
    await body(new URL(url), { kill: (signal) => child.kill(signal), log });
  } finally {
    child.kill('SIGTERM');
    assert.deepEqual((await ended)[0], 0, log.join('\n'));
  }
}

test('wharf registry serve: TLS, users, garbage collection, read-only, a cache of it; with docker and skopeo', {
  timeout: 180_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-serve-'));
  const address = outerAddress();
  let certs = '';
  try {
    const authority = await Authority.create(directory);
    const { certPath, keyPath } = await authority.sign(address);
    writeFileSync(join(directory, 'htpasswd'), HTPASSWD);
    const data = `--data=${directory}/data`;
    const tls = [`--tls-cert=${certPath}`, `--tls-key=${keyPath}`, `--auth=${directory}/htpasswd`];
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const call = (program: string, args: readonly string[], input?: string) =>
        run(program, args, { env: daemon.env, timeoutMs: 30_000, ...(input === undefined ? {} : { input }) });
      const ok = async (program: string, ...args: string[]) => {
        const outcome = await call(program, args);
        assert.equal(outcome.code, 0, `${program} ${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      let name = '';
      let port = '';
      await serving([data, `--listen=${address}:0`, '--gc-grace=1ms', ...tls], async (url, child) => {
        ({ port } = url);
        certs = `/etc/wharf/certs.d/${url.host}`;
        mkdirSync(certs, { recursive: true });
        writeFileSync(join(certs, 'ca.crt'), authority.cert);
        name = `${url.host}/team/app:1`;
        await ok('docker', 'tag', 'busybox', name);
        assert.equal((await call('docker', ['push', name])).code, 1);
        const login = await call('docker', ['login', '-u', 'ann', '--password-stdin', url.host], 'U*U');
        assert.match(login.stdout, /Login Succeeded/, login.stderr);
        await ok('docker', 'push', name);
        const skopeo = ['--creds=ann:U*U', `--cert-dir=${certs}`];
        await ok('skopeo', 'inspect', ...skopeo, `docker://${name}`);
        await ok(
          'skopeo',
          'copy',
          `--src-creds=ann:U*U`,
          `--src-cert-dir=${certs}`,
          `--dest-creds=ann:U*U`,
          `--dest-cert-dir=${certs}`,
          `docker://${name}`,
          `docker://${url.host}/team/app:2`,
        );
        await ok(
          'skopeo',
          'sync',
          '--src=docker',
          '--dest=dir',
          '--src-creds=ann:U*U',
          `--src-cert-dir=${certs}`,
          `${url.host}/team/app`,
          directory,
        );
        await ok(
          'skopeo',
          'sync',
          '--src=dir',
          '--dest=docker',
          '--dest-creds=ann:U*U',
          `--dest-cert-dir=${certs}`,
          `${directory}/app:1`,
          `${url.host}/synced`,
        );
        await ok('docker', 'pull', `${url.host}/synced/app:1`);
        // Deleting and collecting, while it serves.
        await ok('skopeo', 'delete', ...skopeo, `docker://${url.host}/synced/app:1`);
        child.kill('SIGUSR1');
        while (!child.log.some((line) => line.includes('collected garbage')))
          await new Promise((resolve) => setTimeout(resolve, 10));
        const curl = ['-sS', '--cacert', join(certs, 'ca.crt'), '-u', 'ann:U*U', `${url.href}metrics`];
        assert.match(
          await ok('curl', ...curl),
          /^wharf_registry_requests_total\{code="201",method="PUT",route="manifest"\} \d/m,
        );
        await ok('docker', 'rmi', name);
        await ok('docker', 'pull', name);
      });
      await serving([data, `--listen=${address}:${port}`, '--read-only', ...tls], async (url) => {
        await ok('docker', 'tag', 'busybox', `${url.host}/team/other:1`);
        const refused = await call('docker', ['push', `${url.host}/team/other:1`]);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /read-only/);
        await ok('docker', 'pull', name);
      });
      await serving([data, `--listen=${address}:${port}`, ...tls], async (url) => {
        await serving(
          [`--data=${directory}/cache`, '--listen=127.0.0.1:0', `--proxy=https://ann:U*U@${url.host}`],
          async (cache) => {
            await ok('docker', 'rmi', name);
            await ok('docker', 'pull', `${cache.host}/team/app:1`);
            await ok('skopeo', 'inspect', '--tls-verify=false', `docker://${cache.host}/team/app:1`);
            const pushed = await call(wharfPath, ['push', `${cache.host}/team/app:1`]);
            assert.match(pushed.stderr, /pull-through cache: nothing can be pushed/);
          },
        );
      });
    });
  } finally {
    if (certs !== '') rmSync(certs, { recursive: true, force: true });
    rmSync(directory, { recursive: true, force: true });
  }
});
