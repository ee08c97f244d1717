// Applications out of Debian's packages, brought up as a user would and asked for what only the whole chain can answer.
// One daemon and one data root for all, so that the layers that they have in common are built once.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { baseImages, compose, freePort, leftOf } from './support/examples.ts';
import { type Outcome } from './support/run.ts';

const APPLICATIONS: readonly Application[] = [
  { title: 'nginx and PHP-FPM', example: 'php', portVariable: 'PHP_PORT', env: { GREETING: 'Moin' }, check: php },
  { title: 'Python and Redis', example: 'redis', portVariable: 'COUNTER_PORT', check: counter },
  { title: 'Node and MariaDB', example: 'node', project: 'notes', portVariable: 'NOTES_PORT', check: notes },
  {
    title: 'two sites of WordPress on one MariaDB',
    example: 'wordpress',
    portVariable: 'WORDPRESS_PORT',
    check: sites,
  },
  { title: 'Prometheus and scaled services', example: 'scrape', portVariable: 'PROMETHEUS_PORT', check: scraped },
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

/** The counter rises with each visit, and a new Redis container goes on where the old one ended. */
async function counter({ url, compose: command }: Running): Promise<void> {
  const visit = () => text(url);
  assert.equal(await visit(), 'Hello! I have been seen 1 times.\n');
  assert.equal(await visit(), 'Hello! I have been seen 2 times.\n');
  assert.equal((await command('exec', '-T', 'redis', 'redis-cli', 'get', 'hits')).stdout.trim(), '2');
  const before = (await command('ps', '-q', 'redis')).stdout;
  await command('up', '-d', '--wait', '--force-recreate', '--no-deps', 'redis');
  assert.notEqual((await command('ps', '-q', 'redis')).stdout, before);
  assert.equal(await visit(), 'Hello! I have been seen 3 times.\n');
}

/** A note that is sent to Node is a row of MariaDB, and one that is written there is told by Node. */
async function notes({ url, compose: command }: Running): Promise<void> {
  const sql = async (statement: string) => {
    const client = 'exec mariadb -N --default-character-set=utf8mb4 -unotes -p"$MARIADB_PASSWORD" notes -e "$1"';
    return (await command('exec', '-T', 'db', 'sh', '-c', client, 'sh', statement)).stdout;
  };
  assert.deepEqual(JSON.parse(await text(`${url}/notes`, { method: 'POST', body: 'Tauwerk für Ångström ⚓' })), {
    id: 1,
  });
  assert.equal(await sql('SELECT * FROM notes'), '1\tTauwerk für Ångström ⚓\n');
  await sql("INSERT INTO notes (words) VALUES ('from the database')");
  await command('restart', 'app');
  await command('up', '-d', '--wait');
  const told = JSON.parse(await text(`${url}/notes`)) as { node: string; mariadb: string; notes: unknown };
  assert.match(told.node, /^v18\./);
  assert.match(told.mariadb, /^10\.11\..*MariaDB/);
  assert.deepEqual(told.notes, [
    { id: 1, words: 'Tauwerk für Ångström ⚓' },
    { id: 2, words: 'from the database' },
  ]);
}

/** Both sites are installed by WordPress's own form; each keeps its title, user and posts in its own database. */
async function sites({ url, compose: command }: Running): Promise<void> {
  const { port } = new URL(url);
  for (const site of ['first', 'second']) {
    const host = `${site}.localhost:${port}`;
    const fresh = await ask(port, host, '/');
    assert.equal(fresh.status, 302, fresh.body);
    assert.equal(fresh.location, `http://${host}/wp-admin/install.php`);
    const password = `a-Long-0ne-for-the-${site}`;
    const installed = await ask(port, host, '/wp-admin/install.php?step=2', {
      weblog_title: `The ${site} site`,
      user_name: `captain-${site}`,
      admin_password: password,
      admin_password2: password,
      admin_email: 'captain@example.org',
    });
    assert.match(installed.body, /<h1>Success!<\/h1>/);
    const entered = await ask(port, host, '/wp-login.php', { log: `captain-${site}`, pwd: password });
    assert.equal(entered.status, 302, entered.body);
    assert.equal(entered.location, `http://${host}/wp-admin/`);
  }
  for (const site of ['first', 'second']) {
    const { status, body } = await ask(port, `${site}.localhost:${port}`, '/');
    assert.equal(status, 200, body);
    assert.match(body, new RegExp(`<title>The ${site} site</title>`));
    assert.match(body, /Hello world!/);
    const statement = `SELECT option_value, user_login FROM ${site}.wp_options, ${site}.wp_users WHERE option_name = 'blogname'`;
    const client = 'exec mariadb -N -p"$MARIADB_ROOT_PASSWORD" -e "$1"';
    const row = await command('exec', '-T', 'db', 'sh', '-c', client, 'sh', statement);
    assert.equal(row.stdout, `The ${site} site\tcaptain-${site}\n`);
  }
  const stranger = await ask(port, `third.localhost:${port}`, '/');
  assert.equal(stranger.status, 404);
}

/** Prometheus finds the replicas by the service's name alone, and each new one too. */
async function scraped({ url, compose: command }: Running): Promise<void> {
  const hostNames = async () => {
    const ids = (await command('ps', '-q', 'node')).stdout.trim().split('\n');
    return ids.map((id) => id.slice(0, 12)).sort();
  };
  const three = await hostNames();
  assert.equal(three.length, 3);
  await untilScraped(url, three);
  await command('up', '-d', '--scale', 'node=5');
  const five = await hostNames();
  assert.equal(five.length, 5);
  await untilScraped(url, five);
}

/** Prometheus tells nobody when it has found something: asked again and again, for a minute at the most. */
async function untilScraped(url: string, wanted: readonly string[]): Promise<void> {
  const query = encodeURIComponent('count by (nodename) (node_uname_info and on (instance) up == 1)');
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = JSON.parse(await text(`${url}/api/v1/query?query=${query}`)) as {
      data: { result: { metric: { nodename: string } }[] };
    };
    const seen = answer.data.result.map(({ metric }) => metric.nodename).sort();
    if (seen.join() === wanted.join()) return;
    if (Date.now() > end) assert.deepEqual(seen, wanted);
    await delay(250);
  }
}

interface Page {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

/** A page of the site `host`, wherever that name leads to on this machine; with `form` it is posted. */
function ask(port: string, host: string, path: string, form?: Readonly<Record<string, string>>): Promise<Page> {
  return new Promise((resolve, reject) => {
    const headers = { host, ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }) };
    const method = form === undefined ? 'GET' : 'POST';
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      res.on('end', () => resolve({ status: res.statusCode, location: res.headers.location, body }));
      res.on('error', reject);
    });
    req.once('error', reject);
    req.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  });
}

async function text(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, init);
  const body = await response.text();
  assert.ok(response.ok, `${url}: ${response.status}\n${body}`);
  return body;
}
