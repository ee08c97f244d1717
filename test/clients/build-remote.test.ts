import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withPlugins } from './support/cli-plugins.ts';
import { startAgent } from './support/ssh-agent.ts';

/** `POST /build`: all that the engine says. */
function build(socketPath: string, query: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = `/v1.43/build?${new URLSearchParams({ nocache: '1', ...query }).toString()}`;
    const sent = request({ socketPath, method: 'POST', path, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Git's own program for servers, as a web server calls it. */
async function serveGit(root: string, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(asked.url ?? '/', 'http://x');
  const { headers } = asked;
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: asked.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
  });
  asked.pipe(child.stdin);
  const said = await buffer(child.stdout);
  const end = said.indexOf('\r\n\r\n');
  for (const line of said.toString('latin1', 0, end).split('\r\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s);
    if (name === 'Status') answer.statusCode = Number.parseInt(value, 10);
    else answer.setHeader(name, value);
  }
  answer.end(said.subarray(end + 4));
}

test('contexts by URL: a Dockerfile, a tar, a git repository', { timeout: 120_000 }, async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'wharf-remote-'));
  const server = createServer((asked, answer) => {
    if (asked.url?.startsWith('/r.git') === true) return void serveGit(work, asked, answer);
    const path = join(work, new URL(asked.url ?? '/', 'http://x').pathname);
    try {
      answer.end(readFileSync(path));
    } catch {
      answer.statusCode = 404;
      answer.end();
    }
  });
  try {
    writeFileSync(join(work, 'plain'), 'FROM busybox\nRUN echo from-a-$((1+1))-line-file\n');
    const repository = join(work, 'source');
    mkdirSync(join(repository, 'below'), { recursive: true });
    writeFileSync(join(repository, 'below', 'Dockerfile'), 'FROM busybox\nCOPY word /\nRUN cat /word\n');
    writeFileSync(join(repository, 'below', 'Other'), 'FROM busybox\nCOPY word /\nRUN echo other; cat /word\n');
    writeFileSync(join(repository, 'below', 'word'), 'said-by-a-file\n');
    const wants = 'cat /run/secrets/token; echo; test -S $SSH_AUTH_SOCK && echo agent-is-there';
    writeFileSync(
      join(repository, 'below', 'Wants'),
      `FROM busybox\nRUN --mount=type=secret,id=token --mount=type=ssh ${wants}\n`,
    );
    execFileSync('tar', ['czf', join(work, 'context.tgz'), '-C', join(repository, 'below'), '.']);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-C', repository, ...args], {
        stdio: 'ignore',
      });
    git('init', '-b', 'main');
    git('add', '.');
    git('commit', '-m', 'first');
    execFileSync('git', ['clone', '--quiet', '--bare', repository, join(work, 'r.git')]);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const cases: readonly [name: string, query: Record<string, string>, says: RegExp][] = [
        ['a Dockerfile', { remote: `${origin}/plain` }, /from-a-2-line-file.*Successfully built/s],
        ['a tar', { remote: `${origin}/context.tgz` }, /said-by-a-file.*Successfully built/s],
        ['a file of a tar', { remote: `${origin}/context.tgz`, dockerfile: 'Other' }, /other.*Successfully built/s],
        ['nothing there', { remote: `${origin}/missing` }, /cannot read the build context: .*missing: 404 Not Found/],
        ['no URL', { remote: 'file:///etc' }, /an http, https or git URL is needed/],
      ];
      for (const [name, query, says] of cases) {
        await t.test(`classic: ${name}`, async () => assert.match(await build(daemon.socket, query), says));
      }
      await t.test('classic: git', async () => {
        assert.match(await build(daemon.socket, { remote: `${origin}/r.git#main:below` }), /said-by-a-file/);
        assert.match(await build(daemon.socket, { remote: `${origin}/r.git#main:none` }), /none is no directory/);
        assert.match(await build(daemon.socket, { remote: `${origin}/r.git#nobranch` }), /nobranch/);
      });
      await t.test(
        'docker buildx: secrets and an SSH agent with a context by URL, git, or a tar on standard input',
        async () => {
          const env = { ...withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' }), TOKEN: 'the-token' };
          await using agent = await startAgent();
          const given = ['--secret', 'id=token,env=TOKEN', '--ssh', `default=${agent.socket}`];
          const all = ['buildx', 'build', '--no-cache', '-f', 'Wants', ...given];
          const tar = readFileSync(join(work, 'context.tgz'));
          for (const [where, input] of [
            [`${origin}/context.tgz`, undefined],
            [`${origin}/r.git#main:below`, undefined],
            ['-', tar],
          ] as const) {
            const options = { env, cwd: '/', timeoutMs: 60_000, ...(input === undefined ? {} : { input }) };
            const built = await run('docker', [...all, where], options);
            assert.equal(built.code, 0, built.stderr);
            assert.match(built.stderr, /\d the-token\n#\d+ [\d.]+ agent-is-there\n/);
          }
        },
      );
      await t.test('docker buildx build URL', async () => {
        const env = withPlugins(daemon, { BUILDKIT_PROGRESS: 'plain' });
        for (const [url, says] of [
          [`${origin}/plain`, /from-a-2-line-file/],
          [`${origin}/context.tgz`, /said-by-a-file/],
          [`${origin}/r.git#main:below`, /said-by-a-file/],
        ] as const) {
          const built = await run('docker', ['buildx', 'build', '--no-cache', url], {
            env,
            cwd: '/',
            timeoutMs: 60_000,
          });
          assert.equal(built.code, 0, built.stderr);
          assert.match(built.stderr, says);
        }
      });
    });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(work, { recursive: true, force: true });
  }
});
