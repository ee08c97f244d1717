import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from '../e2e/support/daemon.ts';
import { folder } from '../e2e/support/folder.ts';
import { isMapped } from '../e2e/support/userns.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';

/** Sends a body; gives the objects of the answer. */
function post(socketPath: string, path: string, body: Buffer): Promise<{ id?: string; aux?: unknown }[]> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', path, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () =>
        resolve(
          text
            .trim()
            .split('\r\n')
            .map((line) => JSON.parse(line) as object),
        ),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** `docker` as people have it: with its plugins, and nothing said about which builder. */
function clientOf(daemon: TestDaemon) {
  const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
  const docker = (cwd: string, ...args: string[]) => run('docker', args, { env, cwd, timeoutMs: 60_000 });
  const good = async (cwd: string, ...args: string[]) => {
    const done = await docker(cwd, ...args);
    assert.equal(done.code, 0, `docker ${args.join(' ')}: ${done.stderr}`);
    return done;
  };
  return { env, docker, good };
}

test('docker build with buildx 0.29', { timeout: 240_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { env, docker, good } = clientOf(daemon);

    await t.test('docker build takes buildx; a second build is cached; .dockerignore counts', async () => {
      using files = folder({
        Dockerfile: 'FROM busybox\nCOPY . /app\nRUN ls -A /app; echo warned >&2\nCMD ["cat", "/app/page"]\n',
        page: 'hello\n',
        '.dockerignore': '# not these\nsecret\n/sub/*\n!sub/kept\n',
        secret: 'x',
        'sub/kept': 'k',
        'sub/dropped': 'd',
      });
      const first = await good(files.path, 'build', '-t', 'app:1', '-t', 'app:2', '.');
      assert.match(first.stderr, /#\d+ \[internal\] load build definition from Dockerfile\n/);
      assert.match(first.stderr, /#\d+ \[3\/3\] RUN ls -A \/app/);
      assert.match(first.stderr, /#\d+ \d\.\d+ warned\n/);
      assert.match(first.stderr, /naming to docker\.io\/library\/app:1 done\n/);
      assert.doesNotMatch(first.stderr, /\d secret\n/);
      const second = await good(files.path, 'build', '-t', 'app:1', '.');
      assert.match(second.stderr, /\[2\/3\] COPY \. \/app\n#\d+ CACHED\n/);
      assert.match(second.stderr, /\[3\/3\] RUN .*\n#\d+ CACHED\n/);
      assert.equal((await good(files.path, 'run', '--rm', 'app:2')).stdout, 'hello\n');
      assert.equal((await good(files.path, 'run', '--rm', 'app:1', 'ls', '/app/sub')).stdout, 'kept\n');
    });

    await t.test('only changed files are built anew, whatever their times', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nCOPY a /a\nCOPY b /b\n', a: '1', b: '1' });
      await good(files.path, 'build', '.');
      writeFileSync(join(files.path, 'a'), '1');
      writeFileSync(join(files.path, 'b'), '2');
      const again = (await good(files.path, 'build', '.')).stderr;
      assert.match(again, /\[2\/3\] COPY a \/a\n#\d+ CACHED/);
      assert.match(again, /\[3\/3\] COPY b \/b\n#\d+ DONE/);
    });

    await t.test(
      'of a context that was sent before only what changed is sent, and nothing else stays of it',
      async () => {
        using files = folder({
          Dockerfile: 'FROM busybox\nCOPY . /app\n',
          large: 'x'.repeat(3_000_000),
          'turns/into/file': '1',
          turned: '1',
          first: 'one',
          gone: '1',
        });
        const at = (name: string) => join(files.path, name);
        linkSync(at('first'), at('linked'));
        symlinkSync('first', at('soft'));
        const sent = async () => {
          const { stderr } = await good(files.path, 'build', '-t', 'kept', '.');
          const sizes = stderr.matchAll(/transferring context: ([\d.]+)([kM]?)B/g);
          return Math.max(
            ...[...sizes].map(([, n, unit]) => Number(n) * (unit === 'M' ? 1e6 : unit === 'k' ? 1e3 : 1)),
          );
        };
        assert.ok((await sent()) > 2.9e6);
        assert.ok((await sent()) < 10_000);
        rmSync(at('turns'), { recursive: true });
        writeFileSync(at('turns'), 'file');
        rmSync(at('turned'));
        mkdirSync(at('turned'));
        writeFileSync(at('turned/deep'), 'deep');
        rmSync(at('gone'));
        writeFileSync(at('first'), 'two');
        rmSync(at('soft'));
        symlinkSync('linked', at('soft'));
        assert.ok((await sent()) < 10_000);
        const shown = await good(
          '/',
          'run',
          '--rm',
          'kept',
          'sh',
          '-c',
          'cd /app; cat turns turned/deep soft first; ls',
        );
        assert.equal(shown.stdout, 'filedeeptwotwoDockerfile\nfirst\nlarge\nlinked\nsoft\nturned\nturns\n');
        await daemon.crash();
        await daemon.start();
        assert.ok((await sent()) < 10_000);
        await good('/', 'builder', 'prune', '-f');
        assert.ok((await sent()) > 2.9e6);
      },
    );

    await t.test(
      'arguments, target, labels, secrets by file and environment, -q, --iidfile, --metadata-file',
      async () => {
        using files = folder({
          'sub/Other':
            'FROM busybox AS a\nARG WHO\nRUN --mount=type=secret,id=tok --mount=type=secret,id=e,env=E ' +
            'echo "I am $WHO, $(cat /run/secrets/tok), $E" > /said\nFROM a\nRUN false\n',
          tok: 'from a file',
        });
        const args = ['-f', 'sub/Other', '--build-arg', 'WHO=me', '--target', 'a', '--label', 'x=y', '-t', 'other'];
        const secrets = ['--secret', 'id=tok,src=tok', '--secret', 'id=e,env=FROM_ENV'];
        const asked = ['build', ...args, ...secrets, '--iidfile', 'iid', '--metadata-file', 'meta.json', '.'];
        const done = await run('docker', asked, { env: { ...env, FROM_ENV: 'from env' }, cwd: files.path });
        assert.equal(done.code, 0, done.stderr);
        assert.equal(
          (await good('/', 'run', '--rm', 'other', 'cat', '/said')).stdout,
          'I am me, from a file, from env\n',
        );
        const id = (await good('/', 'inspect', '--format', '{{.Id}} {{.Config.Labels.x}}', 'other')).stdout.trim();
        assert.equal(id, `${readFileSync(join(files.path, 'iid'), 'utf8')} y`);
        const metadata = JSON.parse(readFileSync(join(files.path, 'meta.json'), 'utf8')) as Record<string, unknown>;
        assert.equal(`${String(metadata['containerimage.config.digest'])} y`, id);
        const quiet = { env: withPlugins(daemon), cwd: files.path };
        assert.match((await run('docker', ['build', '-q', ...args, '.'], quiet)).stdout, /^sha256:[0-9a-f]{64}\n$/);
        const required = 'FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n';
        writeFileSync(join(files.path, 'Dockerfile'), required);
        assert.match((await docker(files.path, 'build', '.')).stderr, /secret none: not found/);
      },
    );

    await t.test('SSH agents are forwarded', async () => {
      using files = folder({});
      const path = join(files.path, 'agent.sock');
      // Answers whatever it is asked with "failure", as an agent does that has no keys.
      const agent = createServer((socket) => socket.on('data', () => socket.end(Buffer.from([0, 0, 0, 1, 5]))));
      agent.listen(path);
      await once(agent, 'listening');
      try {
        // This machine's perl, which every Debian has, speaks to the socket.
        const libraries = execFileSync('/usr/bin/ldd', ['/usr/bin/perl'], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
        for (const file of ['/usr/bin/perl', ...libraries]) {
          mkdirSync(join(files.path, 'root', dirname(file)), { recursive: true });
          copyFileSync(file, join(files.path, 'root', file));
        }
        writeFileSync(
          join(files.path, 'ask.pl'),
          'socket(S,1,1,0); connect(S,pack("Sa*",1,$ENV{SSH_AUTH_SOCK})) or die "no agent: $!"; ' +
            'syswrite(S,"\\0\\0\\0\\1\\13"); while (length($r) < 5) { sysread(S,$r,5,length $r) or last } print "answer: ",unpack("H*",$r),"\\n";\n',
        );
        writeFileSync(
          join(files.path, 'Dockerfile'),
          'FROM busybox\nCOPY root /\nCOPY ask.pl /\nRUN --mount=type=ssh perl /ask.pl\n',
        );
        const asked = (await good(files.path, 'build', '--ssh', `default=${path}`, '.')).stderr;
        assert.match(asked, /answer: 0000000105\n/);
        assert.match((await docker(files.path, 'build', '--no-cache', '.')).stderr, /no agent/);
      } finally {
        agent.close();
      }
    });

    await t.test('a failing command: its output, its lines, its exit code', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nRUN echo last words; exit 42\n' });
      const failed = await docker(files.path, 'build', '-t', 'never', '.');
      assert.equal(failed.code, 1);
      const process = 'process "/bin/sh -c echo last words; exit 42" did not complete successfully: exit code: 42';
      assert.ok(failed.stderr.includes(`ERROR: ${process}\n`), failed.stderr);
      assert.match(failed.stderr, /Dockerfile:2\n-+\n {3}1 \| {5}FROM busybox\n {3}2 \| >>> RUN echo last words/);
      assert.match(failed.stderr, new RegExp(`failed to solve: ${process.replace(/[.*+?^$()]/g, '\\$&')}\\n$`));
      assert.equal((await docker('/', 'inspect', 'never')).code, 1);
    });

    await t.test('mistakes are told with what was asked for', async () => {
      using files = folder({
        Dockerfile: 'FROM busybox\n\nRUNN x\n',
        Copy: 'FROM busybox\nCOPY nix /\n',
        Near: 'FROM busybox\nCOPY sources/mian.c /\n',
        'source/main.c': '',
        Ignored: 'FROM busybox\nCOPY a.log /\n',
        '.dockerignore': '# what is written\n*.log\n',
        'a.log': '',
        Out: 'FROM busybox\nCOPY ../out /\n',
        Stage: 'FROM busybox AS builder\nFROM busybox\nCOPY --from=biulder /x /\n',
        Net: 'FROM busybox\nRUN --network=host true\n',
        Lines: 'FROM busybox\nRUN true && \\\n  # why\n  exit 5\n',
        Long: `FROM busybox\nRUN echo ${'x'.repeat(3_000_000)}\n`,
        Binary: 'FROM busybox\nRUN \0\n',
      });
      const says = async (text: string, ...args: string[]) => {
        const failed = await docker(files.path, 'build', ...args, '.');
        assert.equal(failed.code, 1);
        assert.ok(failed.stderr.includes(text), failed.stderr);
      };
      await says('dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)');
      await says('failed to read dockerfile: open Nope: no such file or directory', '-f', 'Nope');
      await says('failed to compute cache key: "/nix": not found', '-f', 'Copy');
      await says('"/sources/mian.c": not found; did you mean "source/main.c"?', '-f', 'Near');
      await says('"/a.log": not found: line 2 of .dockerignore excludes it: *.log', '-f', 'Ignored');
      await says('../out leads out of the build context', '-f', 'Out');
      await says('(did you mean builder?)', '-f', 'Stage');
      await says('network.host is not allowed', '-f', 'Net');
      await says('   2 | >>> RUN true && \\\n   3 | >>>   # why\n   4 | >>>   exit 5\n', '-f', 'Lines');
      await says('dockerfile line greater than max allowed size of 65535', '-f', 'Long');
      await says('is no text: there is a NUL character in line 2', '-f', 'Binary');
      const inHostNetwork = ['--allow', 'network.host', '-f', 'Net'];
      if (isMapped) await says("cannot share the host's network namespace when user", ...inHostNetwork);
      else await good(files.path, 'build', ...inHostNetwork, '.');
      await says('target stage "x" could not be found', '-f', 'Copy', '--target', 'x');
      await says('not supported', '-f', 'Copy', '--platform', 'linux/amd64,linux/arm64');
    });

    await t.test('-o: a directory and a tar get the files; no image stays', async () => {
      using files = folder({
        Dockerfile:
          'FROM busybox AS make\nWORKDIR /out\nRUN echo x > a; ln a b; ln -s a c; chmod 4750 a; mkdir d; ' +
          'head -c 300000 /dev/zero > d/big\nFROM scratch\nCOPY --from=make /out /\n',
      });
      const images = async () => (await good('/', 'images', '-aq', '--no-trunc')).stdout;
      const before = await images();
      await good(files.path, 'build', '-o', 'dest', '.');
      const out = (name: string) => join(files.path, 'dest', name);
      assert.equal(readFileSync(out('c'), 'utf8'), 'x\n');
      assert.equal(statSync(out('a')).mode & 0o7777, 0o4750);
      assert.equal(statSync(out('a')).ino, statSync(out('b')).ino);
      assert.equal(statSync(out('d/big')).size, 300_000);
      await good(files.path, 'build', '-o', 'type=tar,dest=out.tar', '.');
      const listed = execFileSync('tar', ['tf', join(files.path, 'out.tar')], { encoding: 'utf8' });
      assert.deepEqual(listed.trim().split('\n').sort(), ['./', './a', './b', './c', './d/', './d/big']);
      assert.equal(await images(), before);
    });

    await t.test('contexts: standard input, named directories and images, links, many files', async () => {
      const piped = { env, input: 'FROM busybox\nRUN echo from-stdin\n' };
      assert.match((await run('docker', ['build', '-'], piped)).stderr, /\d from-stdin\n/);
      using files = folder({ Dockerfile: 'FROM busybox\nCOPY . /c\nRUN cat /c/n\n', n: 'in a tar\n' });
      const input = execFileSync('tar', ['cz', '-C', files.path, '.']);
      assert.match((await run('docker', ['build', '-'], { env, input })).stderr, /\d in a tar\n/);
      using more = folder({ tok: 'named\n' });
      symlinkSync('target', join(files.path, 'link'));
      for (let i = 0; i < 400; i++) writeFileSync(join(files.path, `f${i}`), 'x'.repeat(i * 97));
      writeFileSync(
        join(files.path, 'Dockerfile'),
        'FROM base\nCOPY --from=more tok /\nCOPY . /c/\nRUN cat /tok; readlink /c/link; cat /c/f* | wc -c\n',
      );
      const named = ['--build-context', `more=${more.path}`, '--build-context', 'base=docker-image://busybox'];
      const built = (await good(files.path, 'build', ...named, '.')).stderr;
      assert.match(built, /\d named\n#\d+ [\d.]+ target\n#\d+ [\d.]+ 7740600\n/);
    });

    await t.test('bake: targets that stand on other targets', async () => {
      using files = folder({
        'docker-bake.hcl': [
          'group "default" { targets = ["app"] }',
          'target "base" { dockerfile-inline = "FROM busybox\\nRUN echo from-base > /base\\n" }',
          'target "app" {',
          '  contexts = { base = "target:base" }',
          '  dockerfile-inline = "FROM base\\nRUN cat /base\\n"',
          '  tags = ["baked:1"]',
          '}',
        ].join('\n'),
      });
      const baked = (await good(files.path, 'buildx', 'bake')).stderr;
      assert.match(baked, /\d from-base\n/);
      assert.doesNotMatch(baked, /Unimplemented/);
      assert.equal((await good('/', 'run', '--rm', 'baked:1', 'cat', '/base')).stdout, 'from-base\n');
    });

    await t.test('checks: findings with rule and line', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nMAINTAINER me\n' });
      const checked = await docker(files.path, 'build', '--check', '.');
      assert.equal(checked.code, 1);
      assert.match(checked.stdout + checked.stderr, /MaintainerDeprecated/);
      assert.match((await good(files.path, 'build', '.')).stderr, /1 warning found.*\n.*MaintainerDeprecated/);
    });

    await t.test('clients of before buildx let the engine drive: POST /build?version=2', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nCOPY page /\nRUN echo said\n', page: 'x' });
      const body = execFileSync('tar', ['c', '-C', files.path, '.']);
      const messages = await post(daemon.socket, '/v1.41/build?version=2&t=traced', body);
      const traces = messages
        .filter(({ id }) => id === 'moby.buildkit.trace')
        .map(({ aux }) => Buffer.from(String(aux), 'base64'));
      assert.ok(traces.some((trace) => trace.includes('[3/3] RUN echo said')));
      assert.ok(traces.some((trace) => trace.includes('said\n')));
      const id = (await good('/', 'inspect', '--format', '{{.Id}}', 'traced')).stdout.trim();
      assert.deepEqual(messages.at(-1), { id: 'moby.image.id', aux: { ID: id } });
    });

    await t.test('ls, inspect, du, prune', async () => {
      assert.match((await good('/', 'buildx', 'ls')).stdout, /default\s+running\s+v0\.\d+\.\d+\s+linux\//);
      assert.match((await good('/', 'buildx', 'inspect')).stdout, /Driver:\s+docker/);
      assert.match((await good('/', 'buildx', 'du')).stdout, /Reclaimable:/);
      const past = (await good('/', 'buildx', 'history', 'ls')).stdout;
      assert.match(past, /\n\S{24,25}\s.*Completed/);
      assert.match(past, /\n\S{24,25}\s.*Error/);
      using files = folder({ Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c touch /c/x\n' });
      await good(files.path, 'build', '.');
      const filter = (...words: string[]) => words.flatMap((word) => ['--filter', word]);
      const held = async (...words: string[]) =>
        (await good('/', 'buildx', 'du', ...filter(...words))).stdout.match(/^[0-9a-z]{25}/gm)?.length ?? 0;
      const layers = await held('type=regular');
      assert.ok(layers > 0 && (await held('type=exec.cachemount')) > 0);
      await good('/', 'buildx', 'prune', '-f', ...filter('type=exec.cachemount'));
      assert.deepEqual([await held('type=regular'), await held('type=exec.cachemount')], [layers, 0]);
      assert.match(
        (await docker('/', 'buildx', 'prune', '-f', ...filter('colour=red'))).stderr,
        /invalid filter "colour/,
      );
      assert.match((await good('/', 'buildx', 'prune', '-af')).stdout, /Total:/);
    });

    await t.test('builds of the past: what they said, also over a restart, and forgetting them', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nRUN echo was-said; exit 3\n' });
      assert.notEqual((await docker(files.path, 'build', '.')).code, 0);
      const refs = async () => (await good('/', 'buildx', 'history', 'ls', '--format', '{{.Ref}}')).stdout.split('\n');
      const [ref = ''] = await refs();
      await daemon.crash();
      await daemon.start();
      const said = await docker('/', 'buildx', 'history', 'logs', ref);
      assert.match(
        said.stderr + said.stdout,
        /RUN echo was-said; exit 3\n#\d+ [\d.]+ was-said\n#\d+ ERROR: .*exit code: 3/,
      );
      const shown = (await good('/', 'buildx', 'history', 'inspect', ref)).stdout;
      assert.match(shown, /Dockerfile:\s+Dockerfile/);
      assert.match(shown, /Error:.*exit code: 3/);
      const ours = await run(wharfPath, ['builder', 'logs', ref], { env });
      assert.match(ours.stdout, /RUN echo was-said; exit 3\n#\d+ [\d.]+ was-said\n#\d+ ERROR/);
      const bundle = join(files.path, 'past.dockerbuild');
      await good('/', 'buildx', 'history', 'export', '-o', bundle, ref);
      const packed = await run('tar', ['xzOf', bundle, '--wildcards', 'blobs/sha256/*']);
      assert.match(packed.stdout, /RUN echo was-said; exit 3/);
      assert.match(packed.stdout, /application\/vnd\.buildkit\.status\.v0/);
      await good('/', 'buildx', 'history', 'rm', ref);
      assert.ok(!(await refs()).includes(ref));
      const [other = ''] = await refs();
      assert.equal((await run(wharfPath, ['builder', 'rm', other], { env })).stdout, `${other}\n`);
      assert.ok(!(await refs()).includes(other));
      assert.notEqual((await docker('/', 'buildx', 'history', 'rm', ref)).code, 0);
    });

    await t.test('a client that is interrupted takes its build with it', async () => {
      using files = folder({ Dockerfile: 'FROM busybox\nRUN echo begun; sleep 1000\n' });
      const client = spawn('docker', ['build', '--no-cache', '.'], {
        cwd: files.path,
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      for await (const chunk of client.stderr) {
        said += String(chunk);
        if (/\d begun/.test(said)) client.kill('SIGINT');
      }
      assert.match(said, /CANCELED|canceled/);
      // The census at the end finds the container if it is still there.
      assert.ok(existsSync(daemon.socket));
    });
  });
});

test('docker compose build', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { good, docker } = clientOf(daemon);
    using files = folder({
      'compose.yaml': [
        'services:',
        '  web:',
        '    build: {context: app, args: {WHO: me}, secrets: [tok], target: final, labels: {a: b}}',
        '    command: cat /said',
        '  db:',
        '    build: {context: app, dockerfile_inline: "FROM busybox\\nCOPY note /\\n"}',
        '    image: mydb:1',
        '    command: cat /note',
        'secrets: {tok: {file: ./tok}}',
      ].join('\n'),
      tok: 'token\n',
      'app/note': 'noted\n',
      'app/Dockerfile':
        'FROM busybox AS final\nARG WHO\nRUN --mount=type=secret,id=tok (echo $WHO; cat /run/secrets/tok) > /said\n' +
        'FROM final\nRUN false\n',
    });
    const compose = (...args: string[]) => good(files.path, 'compose', '-p', 'built', '--ansi=never', ...args);
    await compose('build');
    assert.match((await good('/', 'inspect', '--format', '{{json .Config.Labels}}', 'built-web')).stdout, /"a":"b"/);
    await compose('up');
    const logs = (await compose('logs', '--no-log-prefix', 'web')).stdout;
    assert.equal(logs, 'me\ntoken\n');
    assert.equal((await compose('logs', '--no-log-prefix', 'db')).stdout, 'noted\n');
    await compose('down', '--rmi', 'all');
    assert.equal((await docker('/', 'inspect', 'mydb:1')).code, 1);
  });
});
