import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { runToEnd, startContainer } from './support/containers.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { type Outcome, run } from './support/run.ts';

const SECRET = 'only the host has this';

/** A directory of the host that no container was given: whoever reads or writes in it has got out. */
class Outside implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'wharf-outside-')));
  constructor() {
    writeFileSync(join(this.path, 'secret'), SECRET);
  }
  assertUntouched(): void {
    assert.deepEqual(readdirSync(this.path), ['secret']);
    assert.equal(readFileSync(join(this.path, 'secret'), 'utf8'), SECRET);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${this.path}`), 'something is mounted on it');
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A daemon, and beside it what no container may reach. */
async function withOutside(body: (daemon: TestDaemon, outside: Outside) => Promise<void>): Promise<void> {
  using outside = new Outside();
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await body(daemon, outside);
    outside.assertUntouched();
  });
  outside.assertUntouched();
}

/** An empty directory to build from. */
function contextOf(daemon: TestDaemon): string {
  const context = join(daemon.directory, 'context');
  mkdirSync(context);
  return context;
}

const wharf = (daemon: TestDaemon, ...words: string[]): Promise<Outcome> =>
  run(wharfPath, words, { env: daemon.env, timeoutMs: 60_000 });

/** In the container `name` is by turns a directory and a link to the outside, as fast as it can. */
const swap = (name: string, outside: string): string[] => {
  const script = `mkdir -p /d /x; ln -s ${outside} /l; echo inside > /d/secret; cp -a /d ${name}; while :; do
    mv ${name} /x/1; cp -a /l ${name}; rm -f ${name}; mv /x/1 ${name}; done`;
  return ['sh', '-c', script];
};

test('cp into and out of a container that swaps directories for links stays inside', { timeout: 200_000 }, async () => {
  await withOutside(async (daemon, outside) => {
    const id = await startContainer(daemon, swap('/swap', outside.path), {});
    const payload = join(daemon.directory, 'payload');
    const taken = join(daemon.directory, 'taken');
    writeFileSync(payload, 'in');
    let reached = 0;
    for (let i = 0; i < 12; i++) {
      const there = await wharf(daemon, 'cp', payload, `${id}:/swap/written-${i}`);
      if (there.code === 0) reached++;
      rmSync(taken, { recursive: true, force: true });
      const back = await wharf(daemon, 'cp', '-L', `${id}:/swap/secret`, taken);
      if (back.code === 0) assert.equal(readFileSync(taken, 'utf8'), 'inside\n');
      for (const said of [there, back]) assert.doesNotMatch(said.stderr, /\n\s+at /);
    }
    assert.ok(reached > 0, 'some came while it was a directory');
    await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
  });
});

test('cp -L of a link that leads nowhere says so, and copies nothing', { timeout: 60_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const script = 'ln -s ../../../etc/os-release /etc/climbs; ln -s nowhere /etc/lost';
    await wharf(daemon, 'run', '--name', 'links', 'busybox', 'sh', '-c', script);
    for (const [link, target] of [
      ['/etc/climbs', '/etc/os-release'],
      ['/etc/lost', '/etc/nowhere'],
    ]) {
      const taken = join(daemon.directory, 'taken');
      const { code, stderr } = await wharf(daemon, 'cp', '-L', `links:${link}`, taken);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`Could not find the file ${target} in container links`));
      assert.throws(() => readFileSync(taken));
    }
    await wharf(daemon, 'rm', 'links');
  });
});

test('the first filling of a volume, and parts of volumes, follow no link to the host', {
  timeout: 200_000,
}, async () => {
  await withOutside(async (daemon, outside) => {
    const context = contextOf(daemon);
    const lines = [
      'FROM busybox',
      `RUN ln -s ${outside.path} /data && mkdir /more && ln -s ${outside.path}/secret /more/s`,
    ];
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    assert.equal((await wharf(daemon, 'build', '-q', '-t', 'links', context)).code, 0);
    const seen = ['sh', '-c', 'cat /data/* /more/s 2>&1; echo x > /data/x'];
    const filled = await wharf(daemon, 'run', '--rm', '-v', 'first:/data', '-v', 'second:/more', 'links', ...seen);
    assert.ok(!filled.stdout.includes(SECRET), filled.stdout);
    for (const name of ['first', 'second']) {
      for (const file of readdirSync(join(daemon.dataRoot, 'volumes', name, '_data'))) assert.notEqual(file, 'secret');
    }
    outside.assertUntouched();

    // Somebody with the whole volume swaps the part that another one is being given.
    const swapper = await startContainer(daemon, swap('/v/part', outside.path), { Binds: ['whole:/v'] });
    const part = { Type: 'volume', Source: 'whole', Target: '/p', VolumeOptions: { Subpath: 'part' } } as const;
    for (let i = 0; i < 12; i++) {
      const said = await runToEnd(daemon, ['sh', '-c', 'cat /p/secret; echo x > /p/x-$$'], { Mounts: [part] }).catch(
        String,
      );
      assert.ok(!said.includes(SECRET), said);
    }
    await api(daemon.socket, 'DELETE', `/containers/${swapper}?force=1`);
  });
});

test('no instruction of a Dockerfile gets out by a link of the image or of the context', {
  timeout: 200_000,
}, async () => {
  await withOutside(async (daemon, outside) => {
    const context = contextOf(daemon);
    writeFileSync(join(context, 'file'), 'from the context');
    const base = `FROM busybox AS links\nRUN ln -s ${outside.path} /out && ln -s ../../../../../..${outside.path} /up && ln -s ${outside.path}/secret /leak\n`;
    const rows: [what: string, rest: string][] = [
      ['COPY to a link', 'COPY file /out/written'],
      ['COPY to a link with ..', 'COPY file /up/written'],
      ['ADD of a tar to a link', 'ADD archive.tar /out/'],
      ['ADD of a tar that brings its own link', 'ADD archive.tar /in/'],
      ['WORKDIR below a link', 'WORKDIR /out/made\nRUN pwd > here'],
      ['VOLUME at a link', 'VOLUME /out\nRUN ls /out'],
      ['COPY --from a link', 'FROM busybox\nCOPY --from=links /leak /got'],
      ['COPY --from a directory that is a link', 'FROM busybox\nCOPY --from=links /out /got'],
      [
        'a bind of a stage',
        'FROM busybox\nRUN --mount=type=bind,from=links,source=/out,target=/m cat /m/* > /got; true',
      ],
      ['a cache at a link', 'RUN --mount=type=cache,target=/out touch /out/written'],
      ['a secret at a link', 'RUN --mount=type=tmpfs,target=/out touch /out/written'],
    ];
    await archive(join(context, 'archive.tar'), outside.path);
    for (const [what, rest] of rows) {
      writeFileSync(join(context, 'Dockerfile'), `${base}${rest}\n`);
      const built = await wharf(daemon, 'build', '-q', '-t', 'got', context);
      outside.assertUntouched();
      if (built.code !== 0) continue;
      const script = `cat /got /got/* /out/secret /up/secret 2>/dev/null; true`;
      const { stdout } = await wharf(daemon, 'run', '--rm', 'got', 'sh', '-c', script);
      assert.ok(!stdout.includes(SECRET), `${what}: ${stdout}`);
    }
  });
});

/** A link to the outside, and then a file through it. */
async function archive(path: string, outside: string): Promise<void> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  tar.entry({ name: 'door', type: 'symlink', linkname: outside });
  tar.entry({ name: 'door/written' }, 'x');
  tar.entry({ name: '../../../../../../../../..' + outside + '/written' }, 'x');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  writeFileSync(path, Buffer.concat(chunks));
}
