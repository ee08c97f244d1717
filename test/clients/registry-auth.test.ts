import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { Authority } from '../e2e/registry-tls.ts';
import { withReference } from './support/reference-registry.ts';
import { withTokenServer } from './support/token-server.ts';

/** `U*U` with bcrypt, from the test vectors of crypt_blowfish. */
const HTPASSWD = 'ann:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n';
const PASSWORD = 'U*U';

function callers(daemon: TestDaemon, variables: NodeJS.ProcessEnv = {}) {
  const env = { ...daemon.env, ...variables };
  const call = (program: string, args: readonly string[], input?: string) =>
    run(program, args, { env, timeoutMs: 30_000, ...(input === undefined ? {} : { input }) });
  const ok = async (program: string, ...args: string[]) => {
    const outcome = await call(program, args);
    assert.equal(outcome.code, 0, `${program} ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout;
  };
  return { call, ok, wharf: (...args: string[]) => ok(wharfPath, ...args) };
}

test('the reference registry with htpasswd: docker and wharf log in, push, pull, log out', {
  timeout: 120_000,
}, async () => {
  await withReference(
    async (host) => {
      await withDaemon(async (daemon) => {
        await importBusybox(daemon.socket);
        const { call, ok, wharf } = callers(daemon);
        const name = `${host}/team/app:1`;
        await wharf('tag', 'busybox', name);
        for (const program of [wharfPath, 'docker']) {
          const anonymous = await call(program, ['push', name]);
          assert.equal(anonymous.code, 1);
          assert.match(anonymous.stderr + anonymous.stdout, /push access denied|no basic auth|authentication required/);
          const wrong = await call(program, ['login', '-u', 'ann', '--password-stdin', host], 'wrong');
          assert.equal(wrong.code, 1);
          assert.match(wrong.stderr, /unauthorized/);
          const right = await call(program, ['login', '-u', 'ann', '--password-stdin', host], PASSWORD);
          assert.match(right.stdout, /Login Succeeded/, right.stderr);
          await ok(program, 'push', name);
          await ok(program, 'pull', name);
          assert.match(await ok(program, 'logout', host), /Removing login credentials for/);
          assert.equal((await call(program, ['pull', name])).code, 1);
        }
      });
    },
    (directory) => {
      writeFileSync(join(directory, 'htpasswd'), HTPASSWD);
      return { auth: `auth:\n  htpasswd:\n    realm: test\n    path: ${directory}/htpasswd` };
    },
  );
});

test('the reference registry with tokens: scopes, anonymous pulls, identity tokens, mounts across repositories', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-token-'));
  try {
    const authority = await Authority.create(directory);
    const { cert, key } = await authority.sign('token.example');
    const server = {
      issuer: 'tests',
      service: 'registry of a test',
      cert,
      key,
      users: { ann: PASSWORD },
      allowed: (user: string, repository: string) => {
        if (user === 'ann' && /^(team|other)\//.test(repository)) return ['pull', 'push'];
        return repository.startsWith('team/') ? ['pull'] : [];
      },
    };
    await withTokenServer(server, async ({ realm, asked }) => {
      const auth = `auth:
  token:
    realm: ${realm}
    service: ${server.service}
    issuer: ${server.issuer}
    rootcertbundle: ${directory}/ca.crt`;
      await withReference(
        async (host) => {
          await withDaemon(async (daemon) => {
            await importBusybox(daemon.socket);
            const { call, ok, wharf } = callers(daemon);
            const name = `${host}/team/app:1`;
            await wharf('tag', 'busybox', name);
            const anonymous = await call(wharfPath, ['push', name]);
            assert.match(
              anonymous.stderr,
              /push access denied, repository does not exist or may require authorization/,
            );
            for (const program of [wharfPath, 'docker']) {
              const wrong = await call(program, ['login', '-u', 'ann', '--password-stdin', host], 'no');
              assert.match(wrong.stderr, /unauthorized: incorrect username or password/);
              const right = await call(program, ['login', '-u', 'ann', '--password-stdin', host], PASSWORD);
              assert.match(right.stdout, /Login Succeeded/, right.stderr);
              // The password is not what is kept.
              const config = readFileSync(join(daemon.directory, 'docker-config/config.json'), 'utf8');
              assert.match(config, /"identitytoken"/);
              assert.doesNotMatch(config, new RegExp(Buffer.from(`ann:${PASSWORD}`).toString('base64')));
              await ok(program, 'push', name);
              await wharf('tag', 'busybox', `${host}/other/app:1`);
              const mounted = await ok(program, 'push', `${host}/other/app:1`);
              assert.match(mounted, /Mounted from team\/app|Layer already exists/);
              const foreign = `${host}/foreign/app:1`;
              await wharf('tag', 'busybox', foreign);
              assert.match((await call(program, ['push', foreign])).stderr, /denied|unauthorized/);
              await ok(program, 'logout', host);
              // Everybody may pull from team, nobody else from other.
              await ok(program, 'pull', name);
              const denied = await call(program, ['pull', `${host}/other/app:1`]);
              assert.match(
                denied.stderr,
                /pull access denied for .*, repository does not exist or may require 'docker login'/,
              );
            }
            assert.ok(asked.includes('POST ann repository:team/app:pull,push'), asked.join('\n'));
            assert.ok(
              asked.includes('POST ann repository:other/app:pull,push repository:team/app:pull'),
              asked.join('\n'),
            );
            assert.ok(asked.includes('GET  repository:team/app:pull'), asked.join('\n'));
          });
        },
        () => ({ auth }),
      );
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** A credential helper that keeps what it is given in a folder, as the protocol of docker-credential-helpers has it. */
const HELPER = `#!/bin/sh
key() { printf %s "$1" | tr -c 'a-zA-Z0-9.' _; }
input=$(cat)
case $1 in
store) printf %s "$input" > "$HELPER_STORE/$(key "$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/')")";;
get) f=$HELPER_STORE/$(key "$input"); test -e "$f" && cat "$f" || { echo 'credentials not found in native keychain'; exit 1; };;
erase) rm -f "$HELPER_STORE/$(key "$input")";;
list) echo '{}';;
esac
`;

test('credential helpers keep credentials, for one registry or for all', { timeout: 120_000 }, async () => {
  await withReference(
    async (host) => {
      await withDaemon(async (daemon) => {
        await importBusybox(daemon.socket);
        const bin = join(daemon.directory, 'bin');
        const store = join(daemon.directory, 'kept');
        const config = join(daemon.directory, 'docker-config');
        for (const folder of [bin, store, config]) mkdirSync(folder, { recursive: true });
        writeFileSync(join(bin, 'docker-credential-test'), HELPER);
        chmodSync(join(bin, 'docker-credential-test'), 0o755);
        const { call, ok, wharf } = callers(daemon, {
          PATH: `${bin}:${process.env['PATH']}`,
          HELPER_STORE: store,
        });
        const name = `${host}/team/app:1`;
        await wharf('tag', 'busybox', name);
        for (const settings of [{ credsStore: 'test' }, { credHelpers: { [host]: 'test' } }]) {
          for (const [program, other] of [
            [wharfPath, 'docker'],
            ['docker', wharfPath],
          ] as const) {
            writeFileSync(join(config, 'config.json'), JSON.stringify(settings));
            const login = await call(program, ['login', '-u', 'ann', '--password-stdin', host], PASSWORD);
            assert.match(login.stdout, /Login Succeeded/, login.stderr);
            assert.doesNotMatch(readFileSync(join(config, 'config.json'), 'utf8'), /"auth":/);
            await ok(program, 'push', name);
            await ok(other, 'pull', name); // what one has stored, the other finds
            await ok(program, 'logout', host);
            assert.equal((await call(program, ['pull', name])).code, 1);
          }
        }
        writeFileSync(join(config, 'config.json'), '{"credsStore":"absent"}');
        const missing = await call(wharfPath, ['pull', name]);
        assert.match(missing.stderr, /error getting credentials.*"docker-credential-absent" is not in your PATH/);
      });
    },
    (directory) => {
      writeFileSync(join(directory, 'htpasswd'), HTPASSWD);
      return { auth: `auth:\n  htpasswd:\n    realm: test\n    path: ${directory}/htpasswd` };
    },
  );
});
