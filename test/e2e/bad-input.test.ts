import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  /** On stderr. */
  readonly says: RegExp;
  /** Written to compose.yaml in the folder of the case. */
  readonly compose?: string;
  /** Written to Dockerfile there. */
  readonly dockerfile?: string;
}

const SERVICE = 'services:\n  web:\n    image: busybox\n';
const CASES: readonly Case[] = [
  { name: 'flag', args: ['run', '--nmae', 'x', 'busybox'], code: 125, says: /unknown flag: --nmae.*--name/s },
  { name: 'command', args: ['rnu', 'busybox'], code: 1, says: /rnu.*did you mean.*run/is },
  {
    name: 'image',
    args: ['run', '--pull=never', 'no-such-image'],
    code: 125,
    says: /No such image: no-such-image:latest/,
  },
  {
    name: 'program',
    args: ['run', '--rm', 'busybox', 'no-such-program'],
    code: 127,
    says: /"no-such-program": executable file not found in \$PATH/,
  },
  {
    name: 'not executable',
    args: ['run', '--rm', 'busybox', '/etc'],
    code: 126,
    says: /permission denied|is a directory/,
  },
  { name: 'port text', args: ['run', '--rm', '-p', 'http:80', 'busybox'], code: 125, says: /http/ },
  { name: 'container', args: ['stop', 'nobody'], code: 1, says: /No such container: nobody/ },
  { name: 'inspect', args: ['inspect', 'nobody'], code: 1, says: /No such object: nobody/ },
  {
    name: 'instruction',
    args: ['build', '.'],
    dockerfile: 'FROM busybox\n\nRUNN true\n',
    code: 1,
    says: /Dockerfile:3:1.*RUNN.*RUN\b/s,
  },
  {
    name: 'missing source',
    args: ['build', '.'],
    dockerfile: 'FROM busybox\nCOPY nothing /\n',
    code: 1,
    says: /Dockerfile:2.*nothing/s,
  },
  {
    name: 'failing step',
    args: ['build', '.'],
    dockerfile: 'FROM busybox\nRUN exit 7\n',
    code: 7,
    says: /Dockerfile:2.*returned a non-zero code: 7/s,
  },
  {
    name: 'volumnes',
    args: ['compose', 'up', '-d'],
    compose: `${SERVICE}volumnes:\n  x:\n`,
    code: 1,
    says: /compose\.yaml:4:1: .*volumnes.*did you mean "volumes"/,
  },
  {
    name: 'depend_on',
    args: ['compose', 'up', '-d'],
    compose: `${SERVICE}    depend_on: [db]\n`,
    code: 1,
    says: /compose\.yaml:4:5: .*depend_on.*did you mean "depends_on"/,
  },
  {
    name: 'envfile',
    args: ['compose', 'config'],
    compose: `${SERVICE}    envfile: .env\n`,
    code: 1,
    says: /compose\.yaml:4:5: .*envfile.*did you mean "env_file"/,
  },
  {
    name: 'images',
    args: ['compose', 'config'],
    compose: 'services:\n  web:\n    images: busybox\n',
    code: 1,
    says: /compose\.yaml:3:5: .*images.*did you mean "image"/,
  },
  {
    name: 'tab',
    args: ['compose', 'config'],
    compose: 'services:\n\tweb:\n',
    code: 1,
    says: /compose\.yaml:2:1: .*tab/i,
  },
  {
    name: 'no space',
    args: ['compose', 'config'],
    compose: 'services:\n  web:\n    image:nginx\n',
    code: 1,
    says: /compose\.yaml:3:5: .*space.*image: nginx/,
  },
  {
    name: 'variable',
    args: ['compose', 'config'],
    compose: 'services:\n  web:\n    image: ${TAG:?set TAG}\n',
    code: 1,
    says: /compose\.yaml:3:\d+: .*TAG.*set TAG/,
  },
  {
    name: 'cycle',
    args: ['compose', 'up', '-d'],
    compose:
      'services:\n  a:\n    image: busybox\n    depends_on: [b]\n  b:\n    image: busybox\n    depends_on: [a]\n',
    code: 1,
    says: /compose\.yaml:\d+:\d+: .*(cycle|dependency).*a -> b -> a/i,
  },
  {
    name: 'service',
    args: ['compose', 'logs', 'wbe'],
    compose: SERVICE,
    code: 1,
    says: /no such service: wbe.*did you mean "web"/,
  },
];

test("bad input: one line of what, where and what to do; Docker's exit code; nothing left behind", async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (const c of CASES) {
      await t.test(c.name, async () => {
        const cwd = join(daemon.directory, 'cases', c.name.replaceAll(' ', '-'));
        mkdirSync(cwd, { recursive: true });
        if (c.compose !== undefined) writeFileSync(join(cwd, 'compose.yaml'), c.compose);
        if (c.dockerfile !== undefined) writeFileSync(join(cwd, 'Dockerfile'), c.dockerfile);
        const outcome = await run(wharfPath, c.args, { env: daemon.env, cwd });
        assert.match(outcome.stderr, c.says);
        assert.equal(outcome.code, c.code, outcome.stderr);
        assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+\)?$/m, 'a stack trace');
        await nothingMade(daemon);
      });
    }
    await t.test('taken port', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      const port = `127.0.0.1:${address.port}:80`;
      const outcome = await run(wharfPath, ['run', '--rm', '-p', port, 'busybox', 'true'], { env: daemon.env });
      server.close();
      assert.match(outcome.stderr, /address already in use|port is already allocated/);
      assert.equal(outcome.code, 125);
      await nothingMade(daemon);
    });
  });
});

/** No container, and none of Docker's resources beyond the built-in ones. A failed `docker run` leaves its container as created. */
async function nothingMade(daemon: TestDaemon): Promise<void> {
  const containers = (await api(daemon.socket, 'GET', '/containers/json?all=1')) as {
    Id: string;
    State: string;
    Names: string[];
  }[];
  const networks = (await api(daemon.socket, 'GET', '/networks')) as { Name: string }[];
  assert.deepEqual(
    containers.filter((c) => c.State !== 'created').map((c) => c.Names),
    [],
  );
  for (const { Id } of containers) await api(daemon.socket, 'DELETE', `/containers/${Id}?force=1`);
  assert.deepEqual(networks.map((n) => n.Name).sort(), ['bridge', 'host', 'none']);
}
