import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { wharfPath } from './support/daemon.ts';
import { type Outcome, run } from './support/run.ts';

/** A folder with these files; commands run in it, without an engine. */
function folder(t: TestContext, files: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(join(tmpdir(), 'wharf-tools-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const env = { ...process.env, WHARF_HOST: `unix://${cwd}/none.sock`, GREETING: 'hi' };
  return {
    path: (name: string) => join(cwd, name),
    compose: (...args: readonly string[]): Promise<Outcome> => run(wharfPath, ['compose', ...args], { cwd, env }),
  };
}

test('explain says where a value comes from: files, overrides, extends, env files, variables', async (t) => {
  const { compose } = folder(t, {
    'compose.yaml': `x-env: &env {LEVEL: info}
services:
  web:
    image: shop:\${TAG:-1}
    env_file: web.env
    extends: {file: base.yaml, service: base}
    environment: {<<: *env, GREETING: "\${GREETING}", MODE: "\${MODE:-plain}"}
`,
    'compose.override.yaml': 'services:\n  web:\n    environment:\n      LEVEL: debug\n',
    'base.yaml': 'services:\n  base:\n    restart: always\n',
    'web.env': '# a comment\nFROM_FILE=1\nLEVEL=filed\n',
    '.env': 'TAG=2\n',
  });
  const explain = async (what: string): Promise<string> => (await compose('explain', what)).stdout;
  assert.equal(
    await explain('web.environment.LEVEL'),
    'services.web.environment.LEVEL: debug\nsaid at compose.override.yaml:4:7\n  over  compose.yaml:1:14\n  over  web.env:3:1\n',
  );
  assert.equal(await explain('web.restart'), 'services.web.restart: always\nsaid at base.yaml:3:5\n');
  assert.equal(
    await explain('web.environment.FROM_FILE'),
    'services.web.environment.FROM_FILE: 1\nsaid at web.env:2:1\n',
  );
  assert.match(
    await explain('web.image'),
    /: shop:2\nsaid at compose\.yaml:4:5\n\$\{TAG\} in .* "2" from \S+\/\.env\n$/,
  );
  assert.match(await explain('web.environment.GREETING'), /"hi" from the shell\n$/);
  assert.match(await explain('web.environment.MODE'), /not set anywhere: the default "plain" counts\n$/);
  const wrong = await compose('explain', 'web.imag');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /did you mean "image"\?\n$/);
});

test('lint finds what is risky or out of date, and mends what needs no thought', async (t) => {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  t.after(() => listener.close());
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { compose, path } = folder(t, {
    'compose.yaml': `version: "3"
services:
  web:
    image: nginx
    links: [db]
    ports:
      - 2222:22
      - "8080:80"
      - "127.0.0.1:${port}:81"
    environment: {DB_PASSWORD: geheim}
    depends_on: {db: {condition: service_healthy}}
  db:
    image: mariadb:11
    ports: ["8080:3306"]
`,
  });
  const rules = (said: Outcome): string[] =>
    [...said.stdout.matchAll(/^compose\.yaml:\d+:\d+: .*; .* \[(\S+)\]$/gm)].map((m) => m[1] ?? '').sort();
  const before = await compose('lint');
  assert.equal(before.code, 1);
  const left = ['image-tag', 'links', 'no-healthcheck', 'port-clash', 'port-clash-host', 'secret-in-environment'];
  assert.deepEqual(rules(before), [...left, 'unquoted-port', 'version'].sort());
  const fixed = await compose('lint', '--fix');
  assert.match(
    fixed.stdout,
    /^compose\.yaml:7: put 2222:22 in quotes\ncompose\.yaml:1: removed the line with `version`\n/,
  );
  assert.deepEqual(rules(await compose('lint')), left);
  assert.match(readFileSync(path('compose.yaml'), 'utf8'), /^services:\n[^]*- "2222:22"\n/);
});

test('graph draws services, networks, volumes and ports: text, SVG, PNG', async (t) => {
  const { compose, path } = folder(t, {
    'compose.yaml': `services:
  web: {image: nginx, ports: ["8080:80"], depends_on: [db], networks: [front]}
  db: {image: mariadb, volumes: ["data:/var/lib/mysql"], networks: [front]}
volumes: {data: }
networks: {front: }
`,
  });
  const text = (await compose('graph')).stdout;
  for (const word of ['web', '8080 → 80/tcp', 'needs db', 'volumes:  data', 'networks: front'])
    assert.ok(text.includes(word), word);
  assert.equal((await compose('graph', '-o', 'g.svg')).code, 0);
  const svg = readFileSync(path('g.svg'), 'utf8');
  for (const word of ['<svg ', '>web<', '>data<', '>front<', 'marker-end']) assert.ok(svg.includes(word), word);
  assert.equal((await compose('graph', '-o', 'g.png')).code, 0);
  assert.equal(readFileSync(path('g.png')).subarray(1, 4).toString(), 'PNG');
});

test('a run command becomes a file, and the file the command again', async (t) => {
  const command =
    'docker run -d --name web -p 8080:80 -v $(pwd)/site:/www:ro -e A=b --restart unless-stopped -m 64m --cap-add NET_ADMIN nginx:1 nginx -g "daemon off;"';
  const { compose, path } = folder(t, {});
  const written = await compose('from-run', command);
  assert.equal(written.code, 0, written.stderr);
  writeFileSync(path('compose.yaml'), written.stdout);
  const back = (await compose('to-run', 'web')).stdout;
  for (const part of [
    '--name web',
    '-p 8080:80',
    `-v ${path('site')}:/www:ro`,
    '-e A=b',
    '--restart unless-stopped',
    '--cap-add NET_ADMIN',
    "nginx:1 nginx -g 'daemon off;'",
  ])
    assert.ok(back.includes(part), `${part} in ${back}`);
});
