import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { BuildLab, Files } from './build-lab.ts';
import { withLab } from './build-lab.ts';

const lines = (...text: string[]) => `${text.join('\n')}\n`;
const count = (text: string, part: string) => text.split(part).length - 1;

/** How many RUN steps were not taken from the cache. */
const commandsRun = (text: string) => text.match(/: RUN [^\n]*\n ---> Running in/g)?.length ?? 0;

/** What a command says in an image built from `steps`. */
async function said(lab: BuildLab, files: Files, steps: readonly string[], command: string): Promise<string> {
  const dockerfile = lines('FROM busybox', ...steps, `RUN echo BEGIN; ${command}; echo END`);
  const { text } = await lab.build({ ...files, Dockerfile: dockerfile }, { noCache: true });
  return /BEGIN\n([\s\S]*)END\n/.exec(text)?.[1] ?? `nothing in: ${text}`;
}

async function serve(text: string): Promise<AsyncDisposable & { readonly origin: string }> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/missing' ? 404 : 200;
    response.setHeader('last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT');
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('steps of a Dockerfile', { timeout: 300_000 }, async (t) => {
  await withLab(async (lab) => {
    await t.test('a build says what it does, and gives an image that has it', async () => {
      const dockerfile = lines(
        'FROM busybox',
        'ARG V=1',
        'ENV A=a B="$V c"',
        'WORKDIR /w/x',
        'COPY f .',
        'RUN echo err >&2; echo out-$A-$V $(cat f) $(pwd)',
        'EXPOSE 80 90/udp',
        'USER nobody',
        'CMD cat f',
      );
      const { id, text } = await lab.build({ Dockerfile: dockerfile, f: 'hello\n' }, { tags: ['first:1', 'second'] });
      assert.match(
        text,
        /^Step 1\/9 : FROM busybox\n ---> [0-9a-f]{12}\nStep 2\/9 : ARG V=1\n ---> Running in [0-9a-f]{12}\n ---> Removed intermediate container [0-9a-f]{12}\n ---> [0-9a-f]{12}\n/,
      );
      assert.match(text, / ---> Running in [0-9a-f]{12}\n/);
      assert.ok(text.includes('\u001b[91merr\n\u001b[0m'));
      assert.match(text, /out-a-1 hello \/w\/x\n/);
      assert.match(text, / ---> Removed intermediate container [0-9a-f]{12}\n/);
      const short = id.slice('sha256:'.length, 'sha256:'.length + 12);
      assert.ok(
        text.endsWith(`Successfully built ${short}\nSuccessfully tagged first:1\nSuccessfully tagged second:latest\n`),
      );
      const { Config } = await lab.engine.images.inspect('first:1');
      assert.deepEqual(
        [Config.Env, Config.WorkingDir, Config.ExposedPorts, Config.User, Config.Cmd],
        [['A=a', 'B=1 c'], '/w/x', { '80/tcp': {}, '90/udp': {} }, 'nobody', ['/bin/sh', '-c', 'cat f']],
      );
      const history = await lab.engine.images.history('second');
      assert.deepEqual(
        history.slice(0, 4).map((h) => h.CreatedBy),
        [
          '/bin/sh -c #(nop)  CMD ["/bin/sh" "-c" "cat f"]',
          '/bin/sh -c #(nop)  USER nobody',
          '/bin/sh -c #(nop)  EXPOSE 80 90/udp',
          '|1 V=1 /bin/sh -c echo err >&2; echo out-$A-$V $(cat f) $(pwd)',
        ],
      );
    });

    await t.test('unchanged steps come from the cache, also after a restart; the ID stays', async () => {
      const files = { Dockerfile: lines('FROM busybox', 'COPY f /', 'RUN date +%N >/r', 'LABEL x=y'), f: '1' };
      const first = await lab.build(files);
      const second = await lab.build(files);
      assert.equal(second.id, first.id);
      assert.equal(count(second.text, 'Using cache'), 3);
      await lab.reopen();
      const third = await lab.build(files);
      assert.equal(third.id, first.id);
      const changed = await lab.build({ ...files, f: '2' });
      assert.equal(count(changed.text, 'Using cache'), 0);
      const mode = await lab.build({ ...files, f: { mode: 0o755, text: '1' } });
      assert.equal(count(mode.text, 'Using cache'), 0);
      const never = await lab.build(files, { noCache: true });
      assert.equal(count(never.text, 'Using cache'), 0);
    });

    await t.test('metadata does not make commands run again; arguments and environment do', async () => {
      const dockerfile = (...before: string[]) => ({
        Dockerfile: lines('FROM busybox', ...before, 'RUN date +%N >/r2'),
      });
      await lab.build(dockerfile('LABEL a=1'));
      const label = await lab.build(dockerfile('LABEL a=2'));
      assert.equal(commandsRun(label.text), 0);
      const env = await lab.build(dockerfile('ENV a=2'));
      assert.equal(commandsRun(env.text), 1);
      const arg = await lab.build(dockerfile('ARG a'), { buildArgs: { a: '1' } });
      assert.equal(commandsRun(arg.text), 1);
      const proxy = await lab.build(dockerfile('LABEL a=1'), { buildArgs: { http_proxy: 'http://p' } });
      assert.equal(commandsRun(proxy.text), 0);
    });

    await t.test('a command that changes nothing makes no layer', async () => {
      const { id } = await lab.build({ Dockerfile: lines('FROM busybox', 'RUN cat /etc/hosts /etc/resolv.conf') });
      const base = await lab.engine.images.inspect('busybox');
      assert.deepEqual((await lab.engine.images.inspect(id)).RootFS.Layers, base.RootFS.Layers);
    });

    await t.test('COPY', async (c) => {
      const tree: Files = {
        a: 'A',
        b: 'B',
        'd/': '',
        'd/one': '1',
        'd/sub/two': '2',
        'd/.dot': '.',
        'd/up': { link: '../a' },
        link: { link: 'a' },
        evil: { link: '/etc/passwd' },
        x: { mode: 0o4755, text: 'X' },
      };
      const cases: readonly (readonly [name: string, steps: readonly string[], command: string, want: string])[] = [
        ['a file as a name', ['COPY a /n/m'], 'cat /n/m', 'A'],
        ['a file into a directory', ['COPY a /n/'], 'cat /n/a', 'A'],
        ['a file into a directory that is there', ['RUN mkdir /n', 'COPY a /n'], 'cat /n/a', 'A'],
        [
          "a directory's contents",
          ['COPY d /n'],
          'cd /n; find . | sort; readlink up',
          '.\n./.dot\n./one\n./sub\n./sub/two\n./up\n../a\n',
        ],
        ['several', ['COPY a b d /n/'], 'ls /n', 'a\nb\none\nsub\nup\n'],
        ['a pattern', ['COPY [ab] /n/'], 'ls /n', 'a\nb\n'],
        ['relative to the working directory', ['WORKDIR /w', 'COPY a c/'], 'cat /w/c/a', 'A'],
        ['a link is followed, its name kept', ['COPY link /n/'], 'test ! -L /n/link && cat /n/link', 'A'],
        ['owner and mode', ['COPY a x /n/'], 'stat -c "%u:%g %a" /n/a /n/x /n', '0:0 644\n0:0 4755\n0:0 755\n'],
        [
          '--chown by name',
          ['COPY --chown=nobody:nogroup a d /n/'],
          'stat -c "%u:%g" /n/a /n/sub /n',
          '65534:65534\n65534:65534\n0:0\n',
        ],
        ['--chown by number', ['COPY --chown=7 a /n'], 'stat -c "%u:%g" /n', '7:7\n'],
        ['--chmod', ['COPY --chmod=600 a /n'], 'stat -c %a /n', '600\n'],
        ['through a link of the image, inside', ['RUN mkdir /t && ln -s /t /l', 'COPY a /l/'], 'cat /t/a', 'A'],
        ['--from an image', ['COPY --from=busybox /etc/group /n'], 'head -c 4 /n', 'root'],
        [
          '--from a whole image: only what it has',
          ['COPY --from=busybox / /n'],
          'cd /n; ls -A; ls -A etc',
          'bin\ndev\netc\nhome\nproc\nroot\nsys\ntmp\nusr\nvar\ngroup\npasswd\n',
        ],
        ['a heredoc', ['ENV V=v', 'COPY <<EOF /n', 'x $V "q"', 'EOF'], 'cat /n', 'x v "q"\n'],
        ['a quoted heredoc', ['COPY <<"EOF" /n', 'x $V', 'EOF'], 'cat /n', 'x $V\n'],
        ['clamped sources', ['COPY ../../a /n'], 'cat /n', 'A'],
        ['--exclude', ['COPY --exclude=sub --exclude=.dot d /n'], 'ls -A /n', 'one\nup\n'],
      ];
      for (const [name, steps, command, want] of cases) {
        await c.test(name, async () => assert.equal(await said(lab, tree, steps, command), want));
      }
      await c.test('a link that leads out stays in the context', async () => {
        await assert.rejects(lab.build({ ...tree, Dockerfile: 'FROM busybox\nCOPY evil /n\n' }), {
          message:
            'COPY failed: file not found in build context or excluded by .dockerignore: stat evil: file does not exist',
        });
      });
    });

    await t.test('ADD: archives are unpacked, other files and URLs copied', async () => {
      const inner = pack();
      inner.entry({ name: 'top/deep', mode: 0o640, uid: 12, gid: 13 }, 'D');
      inner.finalize();
      const plain = Buffer.concat(await Readable.from(inner).toArray());
      const files: Files = { 'a.dat': plain, 'a.tgz': gzipSync(plain), 'b.gz': gzipSync('no tar') };
      const look = 'stat -c "%n %u:%g %a" top/deep';
      assert.equal(await said(lab, files, ['ADD a.dat /n'], `cd /n; ${look}`), 'top/deep 12:13 640\n');
      assert.equal(await said(lab, files, ['ADD a.tgz /n/'], `cd /n; ${look}`), 'top/deep 12:13 640\n');
      assert.equal(await said(lab, files, ['ADD --chown=3:4 a.tgz /n'], `cd /n; ${look}`), 'top/deep 3:4 640\n');
      assert.equal(await said(lab, files, ['ADD --unpack=false a.tgz b.gz /n/'], 'ls /n'), 'a.tgz\nb.gz\n');
      assert.equal(await said(lab, files, ['ADD b.gz /n/', 'COPY a.tgz /n/'], 'ls /n'), 'a.tgz\nb.gz\n');
      await using server = await serve('from the server');
      const url = `${server.origin}/dir/file.txt`;
      assert.equal(
        await said(lab, {}, [`ADD ${url} /n/`], 'cat /n/file.txt; stat -c " %a %Y" /n/file.txt'),
        'from the server 600 784111777\n',
      );
      await assert.rejects(lab.build({ Dockerfile: `FROM busybox\nADD ${server.origin}/missing /n\n` }), /status 404/);
      const wrong = `sha256:${'0'.repeat(64)}`;
      await assert.rejects(
        lab.build({ Dockerfile: `FROM busybox\nADD --checksum=${wrong} ${url} /n\n` }),
        /digest mismatch/,
      );
    });

    await t.test('RUN with heredocs', async () => {
      const shell = await said(lab, {}, ['ENV V=v', 'RUN <<EOF', 'echo "$V" >/n', 'echo 2 >>/n', 'EOF'], 'cat /n');
      assert.equal(shell, 'v\n2\n');
      const other = await said(lab, {}, ['RUN cat <<A >/n && cat <<"B" >>/n', 'a', 'A', '$b', 'B'], 'cat /n');
      assert.equal(other, 'a\n$b\n');
      const script = await said(lab, {}, ['RUN <<EOF', '#!/bin/cat', 'mine', 'EOF'], 'ls /dev/pipes; echo');
      assert.match(script, /^\n?/);
    });

    await t.test('RUN --mount', async () => {
      const bound = await said(lab, { 'd/f': 'F' }, ['RUN --mount=target=/m,source=d cat /m/f >/n'], 'cat /n; ls /m');
      assert.equal(bound.startsWith('F'), true);
      const dockerfile = (n: number) =>
        lines('FROM busybox', `ARG N=${n}`, 'RUN --mount=type=cache,target=/c echo $N >>/c/f; echo have $(cat /c/f)');
      await lab.build({ Dockerfile: dockerfile(1) });
      const { id, text } = await lab.build({ Dockerfile: dockerfile(2) });
      assert.match(text, /have 1 2\n/);
      const base = await lab.engine.images.inspect('busybox');
      assert.deepEqual((await lab.engine.images.inspect(id)).RootFS.Layers, base.RootFS.Layers);
    });

    await t.test('.dockerignore is obeyed, whatever the client sent', async () => {
      const files = {
        '.dockerignore': '*\n!keep\n',
        keep: '1',
        drop: '2',
        Dockerfile: 'FROM busybox\nCOPY . /n\nRUN ls -A /n\n',
      };
      const { text } = await lab.build(files);
      assert.match(text, /\nkeep\n ---> Removed/);
    });

    await t.test('ONBUILD fires in the child and is not handed on', async () => {
      const base = lines('FROM busybox', 'ONBUILD ARG T=t', 'ONBUILD COPY f /f', 'ONBUILD RUN echo $T >>/f');
      await lab.build({ Dockerfile: base }, { tags: ['onbuild'] });
      const { id, text } = await lab.build(
        { Dockerfile: 'FROM onbuild\nRUN cat /f\n', f: 'F' },
        { buildArgs: { T: 'x' } },
      );
      assert.match(text, /# Executing 3 build triggers\n/);
      assert.match(text, /Fx\n/);
      assert.doesNotMatch(text, /not consumed/);
      assert.equal((await lab.engine.images.inspect(id)).Config.OnBuild ?? null, null);
    });

    await t.test('labels of the build, unused arguments, a quiet build', async () => {
      const { id, text } = await lab.build(
        { Dockerfile: 'FROM busybox\nRUN true\n' },
        { labels: { "it's": '$x "y"' }, buildArgs: { NOPE: '1', A: null } },
      );
      assert.match(text, /Step 3\/3 : LABEL/);
      assert.match(text, /\[Warning\] One or more build-args \[A NOPE\] were not consumed\n/);
      assert.deepEqual((await lab.engine.images.inspect(id)).Config.Labels, { "it's": '$x "y"' });
      const quiet = await lab.build({ Dockerfile: 'FROM busybox\nRUN echo loud\n' }, { quiet: true });
      assert.equal(quiet.text, `${quiet.id}\n`);
    });

    await t.test('nothing of the builds is left', () => assert.deepEqual(lab.snapshots(), []));
  });
});
