import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { withRegistry } from './registry-lab.ts';
import { Authority, outerAddress } from './registry-tls.ts';

const wharf = (daemon: TestDaemon, ...args: string[]) => run(wharfPath, args, { env: daemon.env });

async function ok(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const outcome = await wharf(daemon, ...args);
  assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

/** `certs.d` is where people put it; the host and port are this test's own. */
async function withCertificates(
  host: string,
  files: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const directory = `/etc/wharf/certs.d/${host}`;
  mkdirSync(directory, { recursive: true });
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    await body();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a registry with TLS: strangers are refused, an authority of certs.d is trusted, a client certificate is shown', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-tls-'));
  try {
    const authority = await Authority.create(directory);
    const address = outerAddress();
    const { cert, key } = await authority.sign(address);
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      await withRegistry(
        async (registry) => {
          assert.match(registry.server.url, /^https:/);
          const name = `${registry.host}/team/app:1`;
          await ok(daemon, 'tag', 'busybox', name);
          const stranger = await wharf(daemon, 'push', name);
          assert.equal(stranger.code, 1);
          assert.match(stranger.stderr, /x509: certificate signed by unknown authority/);
          assert.equal(stranger.stderr.trim().split('\n').length, 1);
          await withCertificates(registry.host, { 'ca.crt': authority.cert }, async () => {
            await ok(daemon, 'push', name);
            await ok(daemon, 'rmi', name);
            await ok(daemon, 'pull', name);
          });
          await withCertificates(registry.host, { 'client.cert': cert }, async () => {
            const lonely = await wharf(daemon, 'pull', name);
            assert.match(lonely.stderr, /missing key client\.key for client certificate client\.cert/);
          });

          // A door before it that wants to see who comes.
          const me = await authority.sign('somebody');
          const door = createTlsServer(
            { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
            (request, response) => {
              const inner = httpRequest(
                { socketPath: undefined, host: '127.0.0.1', port: plain, path: request.url, method: request.method },
                (answer) => {
                  response.writeHead(answer.statusCode ?? 500, answer.headers);
                  answer.pipe(response);
                },
              );
              request.pipe(inner);
            },
          );
          let plain = 0;
          await withRegistry(async (behind) => {
            plain = Number(new URL(behind.server.url).port);
            await behind.image('lib/none', '1');
            door.listen(0, address);
            await once(door, 'listening');
            try {
              const host = `${address}:${(door.address() as AddressInfo).port}`;
              const inspect = () => wharf(daemon, 'manifest', 'inspect', `${host}/lib/none:1`);
              await withCertificates(host, { 'ca.crt': authority.cert }, async () => {
                const refused = await inspect();
                assert.equal(refused.code, 1);
                assert.match(refused.stderr, /certificate required|EOF/);
              });
              const files = { 'ca.crt': authority.cert, 'client.cert': me.cert, 'client.key': me.key };
              await withCertificates(host, files, async () => {
                const seen = await inspect();
                assert.match(seen.stdout, /"schemaVersion": 2/, seen.stderr);
              });
            } finally {
              door.closeAllConnections();
              door.close();
            }
          });
        },
        { host: address, tls: { cert, key } },
      );
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the system's authorities are trusted; a certificate for another name, or one that is over, is not", {
  timeout: 60_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-tls-'));
  try {
    const authority = await Authority.create(directory);
    const address = outerAddress();
    const variables = { SSL_CERT_FILE: join(directory, 'ca.crt') };
    await withDaemon(
      async (daemon) => {
        for (const [certificate, error] of [
          [await authority.sign(address), undefined],
          [await authority.sign('192.0.2.1'), /x509: certificate is not for/],
          [await authority.sign(address, -1), /x509: certificate has expired/],
        ] as const) {
          await withRegistry(
            async (registry) => {
              await registry.image('lib/a', '1');
              const seen = await wharf(daemon, 'manifest', 'inspect', `${registry.host}/lib/a:1`);
              if (error === undefined) assert.equal(seen.code, 0, seen.stderr);
              else assert.match(seen.stderr, error);
            },
            { host: address, tls: certificate },
          );
        }
      },
      { variables },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('wharf registry serve has TLS flags', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-tls-'));
  try {
    const authority = await Authority.create(directory);
    const { certPath, keyPath } = await authority.sign('127.0.0.1');
    const only = await run(wharfPath, ['registry', 'serve', '--tls-cert', certPath, '--data', join(directory, 'd')]);
    assert.match(only.stderr, /--tls-cert and --tls-key belong together/);
    const missing = await run(wharfPath, [
      'registry',
      'serve',
      '--listen=127.0.0.1:0',
      `--data=${directory}/d`,
      `--tls-cert=${certPath}x`,
      `--tls-key=${keyPath}`,
    ]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^wharf registry: .*no such file/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the daemon are heeded', { timeout: 120_000 }, async () => {
  const seen: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'wharf-proxy-'));
  const authority = await Authority.create(directory);
  const { cert, key } = await authority.sign('secure.example');
  await withRegistry(async (plain) => {
    await withRegistry(
      async (secure) => {
        // The proxy knows where these hosts are; nobody else does.
        const ports: Readonly<Record<string, number>> = {
          'plain.example': Number(new URL(plain.server.url).port),
          'secure.example': Number(new URL(secure.server.url).port),
        };
        const proxy = createServer((request, response) => {
          const url = new URL(request.url ?? '');
          seen.push(`${request.method} ${url.host}`);
          const inner = httpRequest(
            { host: '127.0.0.1', port: ports[url.hostname] ?? 0, path: url.pathname, method: request.method },
            (answer) => {
              response.writeHead(answer.statusCode ?? 500, answer.headers);
              answer.pipe(response);
            },
          );
          inner.on('error', () => response.writeHead(502).end());
          request.pipe(inner);
        });
        proxy.on('connect', (request, socket) => {
          const [host = ''] = (request.url ?? '').split(':');
          seen.push(`CONNECT ${request.url}`);
          const inner = connect(ports[host] ?? 0, '127.0.0.1', () => {
            socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
            inner.pipe(socket).pipe(inner);
          });
          inner.on('error', () => socket.destroy());
          socket.on('error', () => inner.destroy());
        });
        proxy.listen(0, '127.0.0.1');
        await once(proxy, 'listening');
        const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
        try {
          await plain.image('lib/a', '1');
          await secure.image('lib/b', '1');
          await withCertificates('secure.example', { 'ca.crt': authority.cert }, async () => {
            await withDaemon(
              async (daemon) => {
                assert.match(await ok(daemon, 'manifest', 'inspect', 'plain.example/lib/a:1'), /"schemaVersion": 2/);
                assert.match(await ok(daemon, 'manifest', 'inspect', 'secure.example/lib/b:1'), /"schemaVersion": 2/);
                const direct = await wharf(daemon, 'manifest', 'inspect', 'direct.example/lib/b:1');
                assert.match(direct.stderr, /lookup direct\.example: (no such host|Temporary failure)/);
                // What is on this machine is asked without it.
                const { host } = new URL(plain.server.url);
                await ok(daemon, 'manifest', 'inspect', `${host}/lib/a:1`);
              },
              {
                args: ['--insecure-registry', 'plain.example'],
                variables: { HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: 'direct.example' },
              },
            );
          });
        } finally {
          proxy.closeAllConnections();
          proxy.close();
        }
        assert.ok(seen.includes('CONNECT secure.example:443'), seen.join('\n'));
        assert.ok(seen.includes('GET plain.example'), seen.join('\n'));
        assert.deepEqual(
          seen.filter((line) => /direct|127\.0/.test(line)),
          [],
        );
      },
      { tls: { cert, key } },
    );
  });
  rmSync(directory, { recursive: true, force: true });
});

test('mirrors stand before docker.io and before other registries; one that lacks the image is passed over', {
  timeout: 120_000,
}, async () => {
  await withRegistry(async (empty) => {
    await withRegistry(async (mirror) => {
      await withRegistry(async (origin) => {
        const urls = [empty.server.url, mirror.server.url];
        const args = urls.flatMap((url) => ['--registry-mirror', url, '--registry-mirror', `${origin.host}=${url}`]);
        await withDaemon(
          async (daemon) => {
            await importBusybox(daemon.socket);
            for (const name of ['library/hub:1', 'team/only-mirror:1']) {
              await ok(daemon, 'tag', 'busybox', `${mirror.host}/${name}`);
              await ok(daemon, 'push', '-q', `${mirror.host}/${name}`);
            }
            await ok(daemon, 'tag', 'busybox', `${origin.host}/team/only-origin:1`);
            await ok(daemon, 'push', '-q', `${origin.host}/team/only-origin:1`);
            assert.match(await ok(daemon, 'pull', 'hub:1'), /Status: Downloaded newer image for hub:1/);
            assert.match(
              await ok(daemon, 'pull', `${origin.host}/team/only-mirror:1`),
              /Pulling from team\/only-mirror/,
            );
            assert.match(
              await ok(daemon, 'pull', `${origin.host}/team/only-origin:1`),
              /Pulling from team\/only-origin/,
            );
            const nowhere = await wharf(daemon, 'pull', `${origin.host}/team/nowhere:1`);
            assert.match(nowhere.stderr, /manifest for .*nowhere:1 not found|pull access denied/);
            assert.match(await ok(daemon, 'info'), new RegExp(`Registry Mirrors:\n +${urls[0]}`));
            // A mirror that goes away is passed over too.
            await mirror.stop();
            await ok(daemon, 'rmi', `${origin.host}/team/only-origin:1`);
            await ok(daemon, 'pull', '-q', `${origin.host}/team/only-origin:1`);
          },
          { args },
        );
      });
    });
  });
});
