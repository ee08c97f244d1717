// Applications out of Debian's packages, brought up as a user would and asked for what only the whole chain can answer.
// One daemon and one data root for all, so that the layers that they have in common are built once.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { baseImages, compose, freePort, leftOf } from './support/examples.ts';
import { type Outcome } from './support/run.ts';

const APPLICATIONS: readonly Application[] = [
  { title: 'nginx and PHP-FPM', example: 'php', portVariable: 'PHP_PORT', env: { GREETING: 'Moin' }, check: php },
];

interface Application {
  readonly title: string;
  readonly example: string;
  /** Defaults to the example's folder. */
  readonly project?: string;
  readonly portVariable: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly check: (up: Running) => Promise<void>;
}

interface Running {
  readonly url: string;
  readonly compose: (...args: string[]) => Promise<Outcome>;
}

test('applications from Debian packages come up, answer and go', { timeout: 900_000 }, async (t) => {
  await withDaemon(async (daemon) => {
    await baseImages(daemon, 'debian:bookworm');
    for (const application of APPLICATIONS)
      await t.test(application.title, (inner) => live(inner, daemon, application));
  });
});

async function live(t: TestContext, daemon: TestDaemon, application: Application): Promise<void> {
  const { example, portVariable, env, check, project = example } = application;
  const port = await freePort();
  const command = compose(daemon, example, { ...env, [portVariable]: String(port) });
  t.after(() => command('down', '-v', '-t', '1'));
  await command('up', '-d', '--build', '--wait');
  await check({ url: `http://127.0.0.1:${port}`, compose: command });
  await command('down', '-v');
  assert.deepEqual(await leftOf(daemon, project), { containers: 0, networks: 0, volumes: 0 });
}

/** PHP's own computing, the environment of its container, a query string, and a file that nginx serves alone. */
async function php({ url, compose: command }: Running): Promise<void> {
  const page = await text(`${url}/?name=<sea>`);
  const fpm = (await command('exec', '-T', 'fpm', 'hostname')).stdout.trim();
  assert.match(page, /<h1 id="greeting">Moin, &lt;sea&gt;!<\/h1>/);
  assert.match(page, new RegExp(`said by fpm-fcgi 8\\.2\\.\\d+ on ${fpm},\\s+passed on by nginx/1\\.22`));
  assert.equal(await text(`${url}/plain.txt`), 'Served by nginx alone.\n');
  assert.match((await command('logs', 'fpm')).stdout, /"GET \/index\.php" 200/);
}

async function text(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  const body = await response.text();
  assert.ok(response.ok, `${url}: ${response.status}\n${body}`);
  return body;
}
