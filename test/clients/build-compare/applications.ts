import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run } from '../../e2e/support/run.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));

/** An application of the examples, whose image two builders make. */
export interface Application {
  /** Of its image and its container. */
  readonly name: string;
  readonly context: string;
  /** Of `docker build`, beside the name. */
  readonly args?: readonly string[];
  /** Of `docker run`. */
  readonly runArgs?: readonly string[];
  /** What it listens on. */
  readonly port: number;
  /** Asks the running application, which was reached before. */
  readonly check: (port: number) => Promise<void>;
}

export const applications: readonly Application[] = [
  {
    name: 'node-example',
    context: join(EXAMPLES, 'dockerfiles/node'),
    port: 3000,
    check: async (port) => {
      const answer = JSON.parse(await page(port, '/?name=Ada')) as unknown;
      assert.deepEqual(answer, { greeting: 'Hello Ada!', node: process.version });
    },
  },
  {
    name: 'python-example',
    context: join(EXAMPLES, 'dockerfiles/python'),
    port: 8000,
    check: async (port) => {
      const { python, ...answer } = JSON.parse(await page(port, '/?name=Ada')) as Record<string, string>;
      assert.deepEqual(answer, { greeting: 'Hello Ada!', flask: '2.2.2' });
      assert.match(python ?? '', /^3\.11\./);
    },
  },
  {
    name: 'site-example',
    context: join(EXAMPLES, 'dockerfiles/site'),
    port: 80,
    check: async (port) => {
      assert.match(await page(port, '/'), /<h1>Knots<\/h1>\n<ul>\n<li><a href="bowline.html">The bowline<\/a>/);
      assert.match(await page(port, '/bowline.html'), /<em>Out of the hole/);
    },
  },
  {
    name: 'mariadb-example',
    context: join(EXAMPLES, 'two-databases/mariadb'),
    runArgs: ['-e', 'MARIADB_ROOT_PASSWORD=half-hitch', '-e', 'MARIADB_DATABASE=knots'],
    port: 3306,
    check: async (port) => {
      const sql = 'create table k (name text); insert into k values ("bowline"); select name, @@version from k';
      const answer = await mariadb(port, '-N', '-B', 'knots', '-e', sql);
      assert.match(answer.stdout, /^bowline\t10\.11\..*MariaDB/, answer.stderr);
    },
  },
];

/** The jar first, as `./mvnw package` would make it in a folder of the host, then the image around it. */
export const spring: Application = {
  name: 'spring-example',
  context: join(EXAMPLES, 'dockerfiles/spring'),
  port: 8080,
  check: async (port) => {
    const answer = await page(port, '/?name=Ada');
    assert.match(answer, /^Hello Ada, from Spring in Apache Tomcat\/9\.0.* on Java 17\..* as spring\n$/);
  },
};

async function page(port: number, path: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
}

function mariadb(port: number, ...args: string[]) {
  return run('mariadb', ['-h', '127.0.0.1', '-P', String(port), '-uroot', '-phalf-hitch', ...args]);
}

/** Asks until it answers right, for a minute at the most: what listens is often not ready yet. */
export async function untilRight(check: () => Promise<void>): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await check();
    } catch (e) {
      if (Date.now() > end) throw e;
      await delay(200);
    }
  }
}
