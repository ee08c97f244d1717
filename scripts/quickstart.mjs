// From a fresh clone to an application that answers: npm run quickstart. All of it away again: npm run quickstart:down.
// WHARF_HOST picks an engine that runs already; WHARF_DATA_ROOT and WHARF_EXEC_ROOT move the one that is started here.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installNpmPackages } from './lib/npm-packages.mjs';
import { pinnedNode, root } from './lib/node.mjs';
import { run } from './lib/run.mjs';
import { done, fail, note, seconds, step } from './lib/say.mjs';
import { installPackages } from './lib/system-packages.mjs';

const execRoot = process.env.WHARF_EXEC_ROOT ?? '/run/wharf';
const dataRoot = process.env.WHARF_DATA_ROOT ?? '/var/lib/wharf';
const host = process.env.WHARF_HOST ?? `unix://${execRoot}/wharf.sock`;
const socketPath = host.replace(/^unix:\/\//, '');
const port = process.env.SHOP_PORT ?? '8080';
const url = `http://localhost:${port}/`;
const shop = join(root, 'examples/shop');
const wharf = join(root, 'bin/wharf');
// What this script has started and made, for `down` to take away.
const notes = join(dataRoot, 'quickstart.json');
const env = { ...process.env, WHARF_HOST: host };
const begin = Date.now();

try {
  if (process.getuid() !== 0)
    fail('containers, networks and mounts need root', 'run it as root: sudo npm run quickstart');
  if (process.argv[2] === 'down') await down();
  else await up();
} catch (e) {
  fail(e.message, existsSync(logPath()) ? `the engine's log is ${logPath()}` : undefined);
}

async function up() {
  await installPackages('engine', 'baseImages');
  await installNpmPackages();
  await bundle();
  await startEngine();
  await baseImages();
  step('The example application: examples/shop');
  await run(wharf, ['compose', 'up', '-d', '--build', '--wait'], { cwd: shop, env, show: true });
  await proveThatItAnswers();
  step('wharf compose ps');
  await run(wharf, ['compose', 'ps'], { cwd: shop, env, show: true });
  console.log(`\nThe shop is open at ${url} (${seconds(Date.now() - begin)})`);
  console.log(
    `More to try:  ${wharf} ps        cd examples/shop && ${wharf} compose logs -f        npm run quickstart:down`,
  );
}

/** The bundle is made anew when a source file is younger than it. */
async function bundle() {
  const mark = join(root, 'dist/wharf.js');
  if (existsSync(mark)) {
    const newer = await run(
      'find',
      ['src', 'scripts/bundle.ts', 'package-lock.json', '-newer', mark, '-print', '-quit'],
      { cwd: root },
    );
    if (newer === '') return;
  }
  step('Building');
  const start = Date.now();
  await run(pinnedNode(), [join(root, 'scripts/bundle.ts')], { cwd: root });
  done(`dist/ in ${seconds(Date.now() - start)}`);
}

async function startEngine() {
  step('Engine');
  if (await answers()) {
    done(`one answers at ${host}`);
    return;
  }
  if (process.env.WHARF_HOST) throw new Error(`no engine answers at ${host}`);
  mkdirSync(dataRoot, { recursive: true });
  const log = openSync(logPath(), 'a');
  const args = ['--host', host, '--data-root', dataRoot, '--exec-root', execRoot];
  const child = spawn(join(root, 'bin/wharfd'), args, { detached: true, stdio: ['ignore', 'pipe', log] });
  const ready = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (d) => {
      text += d;
      if (text.includes('\n')) resolve(text.split('\n')[0]);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the engine ended with ${code}:\n${lastLines(logPath(), 5)}`)));
  });
  child.stdout.destroy();
  child.removeAllListeners();
  child.unref();
  writeFileSync(notes, JSON.stringify({ pid: child.pid }));
  done(ready);
}

/** Asks a registry for an image only if one can be reached; here that is known by the daemon's own answer to a pull. */
async function baseImages() {
  const missing = [];
  for (const name of ['busybox', 'debian:bookworm', 'debian:trixie']) if (!(await hasImage(name))) missing.push(name);
  if (missing.length === 0) return;
  step(`Base images: ${missing.join(', ')}`);
  const left = [];
  for (const name of missing) {
    if (left.length === 0 && (await pulls(name))) done(`${name} pulled`);
    else left.push(name);
  }
  if (left.length === 0) return;
  note('no registry can be reached: they are made from Debian packages (kept in /var/cache/wharf for the next time)');
  const node = pinnedNode();
  await run(
    node,
    ['--disable-warning=ExperimentalWarning', join(root, 'scripts/base-images.ts'), '--host', host, ...left],
    { show: true },
  );
}

/** Fetches the page twice and compares the counter. */
async function proveThatItAnswers() {
  const first = await visits();
  const second = await visits();
  if (!(second > first)) throw new Error(`the counter did not rise: ${first}, then ${second}`);
  done(`${url} answers; its counter rose from ${first} to ${second}`);
}

async function visits() {
  const page = await fetchText(url);
  const count = /id="visits">(\d+)</.exec(page)?.[1];
  if (count === undefined) throw new Error(`${url} gave a page without a counter:\n${page.slice(0, 500)}`);
  return Number(count);
}

async function down() {
  if (await answers()) {
    step('The example applications');
    for (const example of ['shop', 'two-databases']) {
      await run(wharf, ['compose', 'down', '-v', '--rmi', 'all', '--remove-orphans'], {
        cwd: join(root, 'examples', example),
        env,
        show: true,
      });
    }
  }
  if (!existsSync(notes)) {
    note(`the engine at ${host} was not started by quickstart: it is left alone`);
    return;
  }
  step('Engine');
  const { pid } = JSON.parse(readFileSync(notes, 'utf8'));
  await stopEngine(pid);
  for (const directory of [dataRoot, execRoot]) removeDirectory(directory);
  done(`stopped; ${dataRoot} removed`);
  if (existsSync('/var/cache/wharf'))
    note('kept for the next time: the base images in /var/cache/wharf (rm -r it if you like)');
}

/** Ends the daemon by its pid, if that is still the daemon. */
async function stopEngine(pid) {
  const isOurs = () => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('wharfd');
    } catch {
      return false;
    }
  };
  if (!isOurs()) return;
  process.kill(pid, 'SIGTERM');
  // Where nobody collects the ended (a container without --init) it stays, but is the daemon no more.
  while (isOurs()) await delay(50);
}

/** Of one that a disk is mounted at the directory itself stays. */
function removeDirectory(path) {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
  try {
    rmdirSync(path);
  } catch (e) {
    if (e.code !== 'EBUSY') throw e;
  }
}

function logPath() {
  return join(dataRoot, 'wharfd.log');
}

function lastLines(path, count) {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

function answers() {
  return new Promise((resolve) => {
    const req = request({ socketPath, path: '/_ping', agent: false }, (res) => {
      res.resume();
      resolve(res.statusCode === 200);
    });
    req.once('error', () => resolve(false));
    req.end();
  });
}

async function hasImage(name) {
  try {
    await run(wharf, ['image', 'inspect', name], { env });
    return true;
  } catch {
    return false;
  }
}

async function pulls(name) {
  try {
    await run(wharf, ['pull', '--quiet', name], { env });
    return true;
  } catch {
    return false;
  }
}

function fetchText(address) {
  return new Promise((resolve, reject) => {
    get(address, { agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (d) => (text += d));
      res.on('end', () =>
        res.statusCode === 200 ? resolve(text) : reject(new Error(`${address}: HTTP ${res.statusCode}\n${text}`)),
      );
      res.on('error', reject);
    }).once('error', reject);
  });
}
