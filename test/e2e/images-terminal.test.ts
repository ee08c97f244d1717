import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';
import { withRegistry } from './registry-lab.ts';

/** What a program writes to a terminal of so many columns. */
async function onTerminal(daemon: TestDaemon, columns: number, line: string): Promise<string> {
  const outcome = await run('script', ['-qefc', `stty cols ${columns} rows 40; ${line}`, '/dev/null'], {
    env: { ...daemon.env, TERM: 'xterm' },
    input: '',
  });
  assert.equal(outcome.code, 0, outcome.stdout);
  return outcome.stdout;
}

test('a pull draws bars on a terminal, like docker, and ends with the same lines', { timeout: 120_000 }, async () => {
  await withRegistry(async (registry) => {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const ok = async (...args: string[]) => {
        const outcome = await run(wharfPath, args, { env: daemon.env });
        assert.equal(outcome.code, 0, `${args.join(' ')}: ${outcome.stderr}`);
        return outcome.stdout;
      };
      await ok('run', '--name', 'step', 'busybox', 'sh', '-c', `head -c 4000000 /dev/urandom > /bytes`);
      await ok('commit', 'step', 'bytes:1');
      await ok('rm', 'step');
      // A door that lets a layer through in pieces, so that there is something to draw.
      const door = createServer((incoming, response) => {
        const { url = '', method, headers } = incoming;
        const inner = request(new URL(url, registry.server.url), { method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          const slow = new Transform({
            highWaterMark: 200_000,
            transform: (piece, _, done) => void setTimeout(() => done(null, piece), url.includes('/blobs/') ? 60 : 0),
          });
          answer.pipe(slow).pipe(response);
        });
        incoming.pipe(inner);
      });
      door.listen(0, '127.0.0.1');
      await once(door, 'listening');
      try {
        const name = `127.0.0.1:${(door.address() as AddressInfo).port}/team/bytes:1`;
        await ok('tag', 'bytes:1', name);
        await ok('push', '-q', name);
        const ends: string[] = [];
        for (const program of [wharfPath, 'docker']) {
          await ok('rmi', '-f', name, 'bytes:1', 'busybox');
          const shown = await onTerminal(daemon, 140, `${program} pull ${name}`);
          assert.match(shown, /[0-9a-f]{12}: Downloading \[=+> *\] +[\d.]+[kM]B\/[\d.]+MB/, program);
          assert.match(shown, /\u001b\[\dA/, 'lines are drawn over');
          const text = stripVTControlCharacters(shown).replaceAll('\r', '').trim();
          assert.match(text, /Pull complete/);
          ends.push(text.slice(text.indexOf('Digest: ')));
        }
        assert.equal(ends[0], ends[1]);
        assert.match(ends[0] ?? '', /^Digest: sha256:\w+\nStatus: Downloaded newer image for \S+\n\S+\/team\/bytes:1$/);
      } finally {
        door.closeAllConnections();
        door.close();
      }
    });
  });
});

test('image layers draws the stack to the width of the terminal', { timeout: 60_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const dockerfile = `FROM busybox
RUN head -c 900000 /dev/zero > /big && echo ${randomBytes(4).toString('hex')} > /id
RUN rm /big && ${'true && '.repeat(60)}true
COPY --chmod=600 <<end /file
text
end
`;
    const built = await run(wharfPath, ['build', '-q', '-t', 'drawn', '-'], { env: daemon.env, input: dockerfile });
    assert.equal(built.code, 0, built.stderr);
    for (const columns of [70, 160]) {
      const shown = stripVTControlCharacters(await onTerminal(daemon, columns, `${wharfPath} image layers drawn`));
      const lines = shown.replaceAll('\r', '').trimEnd().split('\n');
      assert.ok(Math.max(...lines.map((line) => line.length)) <= columns, shown);
      assert.match(shown, /┌─+┐/);
      assert.match(shown, /4 │ *│ +5B {2}\+1/);
      assert.match(shown, /3 │ *│ +0B {2}\+0 {2}~\d {2}-1/);
      assert.match(shown, /2 │█*░+ *│ +900kB {2}\+2 {2}~\d {2}-0 {2}900kB wasted/);
      assert.match(shown, /1 │█+ *│ +1\.98MB/);
      assert.match(shown, /RUN|head -c 900000/);
      assert.match(shown, /4 layers, 2\.88MB, 900kB wasted \(31 %\)/);
    }
  });
});
