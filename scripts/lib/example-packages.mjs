import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { withUnpackedPackages } from './debian-packages.mjs';
import { root } from './node.mjs';
import { run } from './run.mjs';
import { done, seconds, step } from './say.mjs';

/**
 * Where the packages are kept that examples/dockerfiles install: `npm` has the archives that their lock files name, `wheels`
 * what requirements.txt names. Tests serve them to builders that reach no registry.
 */
export const EXAMPLE_PACKAGES = process.env.WHARF_EXAMPLE_PACKAGES ?? '/var/cache/wharf/example-packages';
const EXAMPLES = join(root, 'examples/dockerfiles');
/** Debian's packages of what requirements.txt names, in the same versions. */
const SUITE = 'bookworm';
const PYTHON = ['click', 'flask', 'gunicorn', 'itsdangerous', 'jinja2', 'markupsafe', 'werkzeug'];

/** What the lock files of the examples name for this machine: `file` is what npm calls the archive. */
export function lockedPackages() {
  const found = new Map();
  for (const example of ['node', 'site']) {
    const { packages } = JSON.parse(readFileSync(join(EXAMPLES, example, 'package-lock.json'), 'utf8'));
    for (const [path, entry] of Object.entries(packages)) {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      if (path === '' || !fits(entry.os, 'linux') || !fits(entry.cpu, process.arch)) continue;
      const file = `${name.replace('@', '').replace('/', '-')}-${entry.version}.tgz`;
      found.set(`${name}@${entry.version}`, { ...entry, name, file });
    }
  }
  return [...found.values()];
}

/** Fetches those that are missing. */
export async function fetchExamplePackages() {
  const npm = join(EXAMPLE_PACKAGES, 'npm');
  const missing = lockedPackages().filter(({ file }) => !existsSync(join(npm, file)));
  const wheels = join(EXAMPLE_PACKAGES, 'wheels');
  if (missing.length === 0 && existsSync(wheels)) return;
  step('npm and Python packages of the examples');
  const begin = Date.now();
  if (missing.length > 0) await filled(npm, (work) => pack(missing, work));
  if (!existsSync(wheels)) await filled(wheels, makeWheels);
  done(`${EXAMPLE_PACKAGES} (${seconds(Date.now() - begin)})`);
}

function fits(wanted, mine) {
  return wanted === undefined || wanted.includes(mine);
}

/** Whatever `make` has put into its folder is then in `folder`, each file whole or absent. */
async function filled(folder, make) {
  mkdirSync(EXAMPLE_PACKAGES, { recursive: true });
  const work = mkdtempSync(`${folder}.tmp-`);
  try {
    await make(work);
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(work)) renameSync(join(work, file), join(folder, file));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function pack(packages, folder) {
  const names = packages.map(({ name, version }) => `${name}@${version}`);
  await run('npm', ['pack', '--loglevel=error', '--pack-destination', folder, ...names], { cwd: folder });
}

/** Wheels out of Debian packages, which have what a wheel has in another order. */
async function makeWheels(folder) {
  await withUnpackedPackages(
    SUITE,
    PYTHON.map((name) => `python3-${name}`),
    async (unpacked) => {
      const site = join(unpacked, 'usr/lib/python3/dist-packages');
      for (const egg of readdirSync(site).filter((name) => name.endsWith('.egg-info'))) {
        await makeWheel(site, egg, folder);
      }
    },
  );
}

async function makeWheel(site, egg, folder) {
  const [name, version] = egg.slice(0, -'.egg-info'.length).split('-');
  const info = `${name}-${version}.dist-info`;
  const from = join(site, egg);
  // What is compiled for one Python stays out, and links to files of other packages: neither is needed.
  const modules = readFileSync(join(from, 'top_level.txt'), 'utf8').split('\n').filter(Boolean);
  const work = mkdtempSync(join(folder, '.wheel-'));
  try {
    for (const module of modules) {
      cpSync(join(site, module), join(work, module), {
        recursive: true,
        filter: (path) => existsSync(path) && !path.endsWith('.so'),
      });
    }
    mkdirSync(join(work, info));
    cpSync(join(from, 'PKG-INFO'), join(work, info, 'METADATA'));
    for (const file of ['entry_points.txt', 'top_level.txt']) {
      if (existsSync(join(from, file))) cpSync(join(from, file), join(work, info, file));
    }
    writeFileSync(
      join(work, info, 'WHEEL'),
      'Wheel-Version: 1.0\nGenerator: debian\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    );
    const record = filesBelow(work).map((path) => {
      const content = readFileSync(join(work, path));
      return `${path},sha256=${createHash('sha256').update(content).digest('base64url')},${content.length}\n`;
    });
    writeFileSync(join(work, info, 'RECORD'), `${record.join('')}${info}/RECORD,,\n`);
    const wheel = join(folder, `${name}-${version}-py3-none-any.whl`);
    await run('python3', ['-m', 'zipfile', '-c', wheel, ...readdirSync(work)], { cwd: work });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function filesBelow(folder, at = '') {
  return readdirSync(join(folder, at), { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    return entry.isDirectory() ? filesBelow(folder, path) : [path];
  });
}
