import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { folder } from './support/folder.ts';
import { run } from './support/run.ts';

test('wharf build', { timeout: 240_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (cwd: string, ...args: string[]) => run(wharfPath, args, { env: daemon.env, cwd });

    await t.test('plain progress on standard error; standard output stays empty', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nENV A=b\nCOPY f /f\nRUN cat /f\n', f: 'from f\n' });
      const first = await wharf(files.path, 'build', '-t', 'plain:1', '-t', 'plain:2', '.');
      assert.deepEqual([first.code, first.stdout], [0, '']);
      assert.match(
        first.stderr,
        /#2 \[2\/3\] COPY f \/f\n#2 DONE [\d.]+s\n\n#3 \[3\/3\] RUN cat \/f\n#3 [\d.]+ from f\n#3 DONE/,
      );
      assert.match(first.stderr, /naming to docker\.io\/library\/plain:1\n.*naming to docker\.io\/library\/plain:2\n/);
      assert.doesNotMatch(first.stderr, /ENV/);
      const second = await wharf(files.path, 'build', '-t', 'plain:1', '.');
      assert.match(second.stderr, /RUN cat \/f\n#3 CACHED\n/);
      const quiet = await wharf(
        files.path,
        'build',
        '-q',
        '--iidfile',
        'id',
        '--metadata-file',
        'meta',
        '-t',
        'plain:1',
        '.',
      );
      assert.match(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
      assert.equal(quiet.stderr, '');
      assert.equal(readFileSync(join(files.path, 'id'), 'utf8'), quiet.stdout.trim());
      const metadata = JSON.parse(readFileSync(join(files.path, 'meta'), 'utf8')) as Record<string, string>;
      assert.equal(metadata['image.name'], 'docker.io/library/plain:1');
      const raw = await wharf(files.path, 'build', '--progress', 'rawjson', '.');
      assert.equal((JSON.parse(raw.stderr.split('\n')[0] ?? '') as { kind: string }).kind, 'plan');
    });

    await t.test('a command that fails: its last output, the lines around it, its exit code', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nRUN echo before >&2; exit 7\nRUN true\n' });
      const failed = await wharf(files.path, 'build', '.');
      assert.deepEqual([failed.code, failed.stdout], [7, '']);
      assert.match(failed.stderr, /------\n > \[2\/3\] RUN echo before >&2; exit 7:\nbefore\n------\nDockerfile:2\n/);
      assert.match(failed.stderr, /2 \| >>> RUN echo before/);
      assert.match(failed.stderr, /returned a non-zero code: 7\n$/);
      writeFileSync(join(files.path, 'Dockerfile'), 'FROM busybox\nRUN echo left > /left; exit 7\n');
      const debugged = await wharf(files.path, 'build', '--debug-shell', '.');
      const image = /--entrypoint sh (sha256:[0-9a-f]{64})\n/.exec(debugged.stderr)?.[1] ?? debugged.stderr;
      assert.deepEqual(
        [debugged.code, (await wharf(files.path, 'run', '--rm', image, 'cat', '/left')).stdout],
        [7, 'left\n'],
      );
      assert.equal((await wharf(files.path, 'rmi', image)).code, 0);
    });

    await t.test('--check names each finding with its line and column, and fails if there is one', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nCMD sh\n', 'Good.Dockerfile': 'FROM busybox\nCMD ["sh"]\n' });
      const bad = await wharf(files.path, 'build', '--check', '.');
      assert.equal(bad.code, 1);
      assert.match(
        bad.stdout,
        /WARNING: JSONArgsRecommended - https:\S+\/json-args-recommended\/\n[\s\S]*Dockerfile:2:1\n/,
      );
      const good = await wharf(files.path, 'build', '--call', 'check', '-f', 'Good.Dockerfile', '.');
      assert.deepEqual([good.code, good.stdout], [0, 'Check complete, no warnings found.\n']);
    });

    await t.test('secrets, named contexts, --explain', async () => {
      using files = folder({
        'app/Dockerfile':
          'FROM busybox\nRUN --mount=type=secret,id=tok,required=true cat /run/secrets/tok\nCOPY --from=lib lib.txt /\n',
        'lib/lib.txt': 'l',
        'lib/left-out': 'x',
        'lib/.dockerignore': 'left-out\n',
        token: 'the token\n',
      });
      const args = ['build', '--secret', 'id=tok,src=token', '--build-context', 'lib=lib', '--explain', 'app'];
      const built = await wharf(files.path, ...args);
      assert.equal(built.code, 0, built.stderr);
      assert.match(built.stderr, /the token/);
      assert.match(built.stdout, /made +1B .*COPY --from=lib lib\.txt \/\n +not built before\n/);
      const none = await wharf(files.path, 'build', '--build-context', 'lib=lib', '--no-cache', 'app');
      assert.deepEqual([none.code, /secret tok: not found/.test(none.stderr)], [1, true]);
    });

    await t.test('-o writes files, or an archive; the engine keeps no image of it', async () => {
      using files = folder({ Dockerfile: 'FROM scratch\nCOPY f g/ /\n', f: 'f', 'g/h': 'h' });
      const before = (await wharf(files.path, 'images', '-aq')).stdout;
      for (const args of [
        ['-o', 'out'],
        ['-o', 'type=tar,dest=out.tar'],
        ['-o', 'type=oci,dest=oci.tar'],
      ]) {
        const built = await wharf(files.path, 'build', ...args, '.');
        assert.equal(built.code, 0, built.stderr);
      }
      assert.deepEqual(readdirSync(join(files.path, 'out')).toSorted(), ['f', 'h']);
      const listed = execFileSync('tar', ['-tf', join(files.path, 'out.tar')], { encoding: 'utf8' });
      assert.deepEqual(listed.split('\n').toSorted(), ['', './', './f', './h']);
      assert.match(execFileSync('tar', ['-tf', join(files.path, 'oci.tar')], { encoding: 'utf8' }), /^oci-layout$/m);
      assert.equal((await wharf(files.path, 'images', '-aq')).stdout, before);
    });

    await t.test('contexts: a tar, a Dockerfile from stdin, a Dockerfile from elsewhere', async () => {
      using files = folder({
        'c/Dockerfile': 'FROM busybox\nCOPY f /f\n',
        'c/f': 'x',
        elsewhere: 'FROM busybox\nCOPY f /g\n',
      });
      execFileSync('tar', ['-cf', join(files.path, 'c.tar'), '-C', join(files.path, 'c'), '.']);
      assert.equal((await wharf(files.path, 'build', 'c.tar')).code, 0);
      assert.equal((await wharf(files.path, 'build', '-f', 'elsewhere', 'c')).code, 0);
      const options = { env: daemon.env, cwd: files.path, input: 'FROM busybox\nRUN echo from stdin\n' };
      assert.match((await run(wharfPath, ['build', '-'], options)).stderr, /from stdin/);
    });

    await t.test('what it does not do it says', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\n' });
      for (const [flag, want] of [
        ['--squash', /--squash is not supported/],
        ['--push', /tag is needed when pushing to registry/],
        ['--output=type=registry', /tag is needed when pushing to registry/],
        ['--output=type=registry,name=x,push-by-digest=true', /push-by-digest is not supported/],
        ['--platform=linux/amd64,linux/arm64', /Multi-platform build is not supported for images of the engine/],
        ['--output=type=lokal,dest=x', /unknown type "lokal" \(did you mean local\?\)/],
        ['--cache-to=type=gha', /--cache-to type=gha is not supported/],
        ['--progress=fancy', /invalid progress mode "fancy"/],
        ['--secret=src=x', /id is missing/],
        ['--build-context=x', /invalid context value: x, expected key=value/],
      ] as const) {
        const refused = await wharf(files.path, 'build', flag, '.');
        assert.equal(refused.code, 1, flag);
        assert.match(refused.stderr, want);
      }
    });

    await t.test('builder ls, inspect, du, prune', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nRUN echo x > /x\n' });
      await wharf(files.path, 'build', '-t', 'past', '.');
      assert.match((await wharf(files.path, 'builder', 'ls')).stdout, /^BUILD ID .*\n[0-9a-f]{24} +past +completed/);
      const { stdout } = await wharf(files.path, 'builder', 'inspect', 'past');
      assert.match(stdout, /Status: +completed\n[\s\S]*done +2B .*RUN echo x > \/x\n/);
      assert.match((await wharf(files.path, 'builder', 'du')).stdout, /[\d.]+kB .*RUN echo x > \/x\n/);
      await wharf(files.path, 'rmi', 'past');
      assert.match((await wharf(files.path, 'builder', 'prune', '-af')).stdout, /Total reclaimed space: /);
      assert.doesNotMatch((await wharf(files.path, 'builder', 'du')).stdout, /RUN/);
    });
  });
});
