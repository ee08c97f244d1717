import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

function folder(files: Readonly<Record<string, string>>): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'wharf-context-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test('contexts that are read where they are', { timeout: 240_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (...args: string[]) => run(wharfPath, args, { env: daemon.env });
    const known = () => readdirSync(join(daemon.dataRoot, 'build/known-files'));
    const build = async (path: string, ...more: string[]): Promise<string> => {
      const { code, stdout, stderr } = await wharf('build', '-q', ...more, path);
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const inside = async (image: string, ...command: string[]) =>
      (await wharf('run', '--rm', image, ...command)).stdout.trim();

    await t.test(
      'the directory is not sent, and what was read is known the next time, also after a restart',
      async () => {
        using context = folder({ Dockerfile: 'FROM busybox\nCOPY . /app\n', 'src/a': 'one', 'src/b': 'two' });
        const first = await build(context.path);
        assert.equal(known().length, 1);
        assert.equal(await build(context.path), first);
        await daemon.stop();
        await daemon.start();
        assert.equal(await build(context.path), first);
        utimesSync(join(context.path, 'src/a'), 1, 1);
        assert.equal(await build(context.path), first, 'times make no difference');
      },
    );

    await t.test('every change of content or mode is seen, also one that keeps size and time', async () => {
      using context = folder({ Dockerfile: 'FROM busybox\nCOPY . /app\n', f: 'aaaa', g: 'gone' });
      const f = join(context.path, 'f');
      const seen = [await build(context.path)];
      const changes: readonly (() => void)[] = [
        () => {
          const { atime, mtime } = statSync(f);
          writeFileSync(f, 'bbbb');
          utimesSync(f, atime, mtime);
        },
        () => chmodSync(f, 0o755),
        () => {
          writeFileSync(`${f}.new`, 'cccc', { mode: 0o755 });
          renameSync(`${f}.new`, f);
        },
        () => rmSync(join(context.path, 'g')),
        () => mkdirSync(join(context.path, 'd')),
        () => symlinkSync('f', join(context.path, 'l')),
      ];
      for (const change of changes) {
        change();
        const image = await build(context.path);
        assert.ok(!seen.includes(image), change.toString());
        seen.push(image);
      }
      assert.equal(await inside(seen.at(-1) ?? '', 'cat', '/app/l'), 'cccc');
    });

    await t.test(
      'rules of what to leave out, also those of the Dockerfile alone, and what ! takes back in',
      async () => {
        using context = folder({
          Dockerfile: 'FROM busybox\nCOPY . /app\nRUN --mount=type=bind,target=/m find /app /m -type f | sort\n',
          '.dockerignore': 'big\n*.md\n!README.md\nDockerfile*\n',
          'big/x': '',
          'big/y/z': '',
          'a.md': '',
          'README.md': '',
          'sub/b.md': '',
          'Other.dockerignore': '*\n!big/y\n',
          Other: 'FROM busybox\nCOPY . /app\n',
        });
        const list = async (image: string) =>
          (await inside(image, 'find', '/app', '-type', 'f')).split('\n').toSorted();
        const all = await build(context.path);
        assert.deepEqual(await list(all), [
          '/app/.dockerignore',
          '/app/Other',
          '/app/Other.dockerignore',
          '/app/README.md',
          '/app/sub/b.md',
        ]);
        const plain = await wharf('build', '--no-cache', '--progress', 'plain', context.path);
        assert.match(plain.stderr, /\/m\/README\.md\n/);
        assert.doesNotMatch(plain.stderr, /\/m\/(big|a\.md)/);
        assert.deepEqual(await list(await build(context.path, '-f', join(context.path, 'Other'))), ['/app/big/y/z']);
      },
    );

    await t.test('large files, some in the place of others, get into the layer as they are', async () => {
      const text = (letter: string) => letter.repeat(200_000);
      using context = folder({
        Dockerfile:
          'FROM busybox\nWORKDIR /app\nCOPY one two /app/\nCOPY --chmod=4755 --chown=7:8 one/only /set\nCOPY two/sub /app/sub\n',
        'one/big': text('a'),
        'one/only': text('b'),
        'two/big': text('c'),
        'two/sub/big': text('d'),
      });
      chmodSync(join(context.path, 'one/only'), 0o600);
      const image = await build(context.path, '--no-cache');
      assert.equal(await build(context.path), image);
      const show = 'cd /app; for f in big only sub/big /set; do cut -c1-3 $f; wc -c $f; stat -c "%a %u:%g" $f; done';
      assert.equal(
        (await inside(image, 'sh', '-c', show)).replaceAll('\n', ' '),
        'ccc 200000 big 644 0:0 bbb 200000 only 600 0:0 ddd 200000 sub/big 644 0:0 bbb 200000 /set 4755 7:8',
      );
      const saved = await wharf('save', '-o', join(context.path, 'saved.tar'), image);
      assert.equal(saved.code, 0, 'the layers are what their digests say');
    });

    await t.test('links do not lead out of the context', async () => {
      using elsewhere = folder({ secret: 'secret' });
      using context = folder({ Dockerfile: 'FROM busybox\nCOPY out/secret /\n' });
      symlinkSync(elsewhere.path, join(context.path, 'out'));
      const { code, stderr } = await wharf('build', context.path);
      assert.notEqual(code, 0);
      assert.match(stderr, /failed to compute cache key: "\/out\/secret": not found/);
      writeFileSync(join(context.path, 'Dockerfile'), 'FROM busybox\nCOPY out /link\n');
      symlinkSync(join(elsewhere.path, 'secret'), join(context.path, 'file'));
      assert.notEqual((await wharf('build', context.path)).code, 0);
    });

    await t.test('a Dockerfile from elsewhere, secrets and further directories go with it', async () => {
      using elsewhere = folder({
        D: 'FROM busybox\nCOPY f /\nCOPY --from=more m /\nRUN --mount=type=secret,id=s cat /run/secrets/s',
      });
      using more = folder({ m: 'more', '.dockerignore': 'hidden', hidden: '' });
      using context = folder({ f: 'f', value: 'word' });
      const image = await build(
        context.path,
        '-f',
        join(elsewhere.path, 'D'),
        '--build-context',
        `more=${more.path}`,
        '--secret',
        `id=s,src=${join(context.path, 'value')}`,
      );
      assert.equal(await inside(image, 'cat', '/f', '/m'), 'fmore');
    });

    await t.test('through a socket that is forwarded the directory is sent', async () => {
      using context = folder({ Dockerfile: 'FROM busybox\nCOPY f /\n', f: 'sent' });
      const before = known().length;
      const path = join(daemon.directory, 'forward.sock');
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true }, (client) => {
        const engine = connect({ path: daemon.socket, allowHalfOpen: true });
        for (const socket of [client, engine]) sockets.add(socket.on('error', () => undefined));
        client.pipe(engine).pipe(client);
      }).listen(path);
      try {
        const env = { ...daemon.env, DOCKER_HOST: `unix://${path}`, WHARF_HOST: `unix://${path}` };
        const built = await run(wharfPath, ['build', '-q', context.path], { env });
        assert.equal(built.code, 0, built.stderr);
        assert.equal(await inside(built.stdout.trim(), 'cat', '/f'), 'sent');
        assert.equal(known().length, before);
        const records = await wharf('builder', 'ls', '--format', '{{json .}}');
        assert.doesNotMatch(records.stdout, /cannot be read where/);
      } finally {
        for (const socket of sockets) socket.destroy();
        server.close();
      }
    });

    await t.test('somebody who may not read a file gets no image with it', async () => {
      using context = folder({ Dockerfile: 'FROM busybox\nCOPY . /\n', open: 'o', closed: 'c' });
      chmodSync(context.path, 0o755);
      chmodSync(join(context.path, 'closed'), 0o600);
      chmodSync(daemon.directory, 0o755);
      chmodSync(daemon.socket, 0o666);
      const asNobody = (...args: string[]) =>
        run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', wharfPath, ...args], { env: daemon.env });
      const refused = await asNobody('build', '-q', context.path);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /open closed: permission denied/);
      writeFileSync(join(context.path, '.dockerignore'), 'closed');
      const built = await asNobody('build', '-q', context.path);
      assert.equal(built.code, 0, built.stderr);
    });

    await t.test('files that somebody writes to all the time are copied as they were at one moment', async () => {
      using context = folder({ Dockerfile: 'FROM busybox\nCOPY . /app\n', 'log/now': '' });
      const script = 'i=0; while [ -d . ]; do i=$((i+1)); printf "%0200000d\\n" $i > log/now; done';
      const writer = execFileSync('sh', ['-c', `(${script}) >/dev/null 2>&1 & echo $!`], {
        cwd: context.path,
        encoding: 'utf8',
      });
      try {
        const image = await build(context.path);
        assert.match(await inside(image, 'wc', '-l', '/app/log/now'), /^[01] /);
      } finally {
        process.kill(Number(writer));
      }
    });
  });
});
