import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.mjs';

/** How to make a base image of the tar of a root file system. */
interface Recipe {
  /** Path of a tar of its root file system: from the cache, or made now. */
  archive(fresh: boolean): Promise<string>;
  /** Dockerfile instructions for `import --change`. */
  readonly changes: readonly string[];
  readonly message: string;
}

/** How to build one on top of another by a Dockerfile. */
export interface BuildRecipe {
  /** The folder of its Dockerfile. */
  readonly folder: string;
  readonly from: string;
  /** Where `wharf save` keeps it. The name changes with the files of its folder. */
  readonly saved: string;
  /** Fills a folder with a folder for each `--build-context` and gives their names. */
  prepare(work: string): Promise<readonly string[]>;
}

/** The npm that comes with Node 24. */
const NPM = '11.6.2';
const CACHE = join(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', 'base-images');

export const RECIPES: Readonly<Record<string, Recipe>> = {
  busybox: {
    archive: (fresh) => cached('busybox', fresh, makeBusybox),
    changes: ['CMD ["sh"]'],
    message: 'busybox from the Debian package busybox-static',
  },
  'debian:bookworm': debian('bookworm'),
  'debian:trixie': debian('trixie'),
};
export const BUILT: Readonly<Record<string, BuildRecipe>> = {
  nginx: built('nginx'),
  'node:24': built('node', nodeContexts),
  'openjdk:17': built('openjdk'),
  'python:3.11': built('python'),
};

function built(name: string, prepare: BuildRecipe['prepare'] = () => Promise.resolve([])): BuildRecipe {
  const folder = fileURLToPath(new URL(`../base-images/${name}`, import.meta.url));
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  const saved = join(CACHE, `${name}-${hash.digest('hex').slice(0, 8)}-${process.arch}.tar`);
  return { folder, from: 'debian:bookworm', saved, prepare };
}

/** The Node that runs this, which is the pinned one, and npm out of its own package. */
async function nodeContexts(work: string): Promise<readonly string[]> {
  mkdirSync(join(work, 'node'));
  copyFileSync(process.execPath, join(work, 'node/node'));
  await run('npm', ['pack', '--loglevel=error', '--pack-destination', work, `npm@${NPM}`], { cwd: work });
  await run('tar', ['-xzf', join(work, `npm-${NPM}.tgz`), '-C', work, '--no-same-owner']);
  renameSync(join(work, 'package'), join(work, 'npm'));
  return ['node', 'npm'];
}

function debian(suite: string): Recipe {
  return {
    archive: (fresh) => cached(`debian-${suite}`, fresh, (rootfs) => debootstrap(suite, rootfs)),
    changes: ['CMD ["bash"]'],
    message: `Debian ${suite} made with debootstrap`,
  };
}

/** The archive of that name, filled by `make` if it is not there. Written aside and renamed, so that it is whole or absent. */
async function cached(name: string, fresh: boolean, make: (rootfs: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, `${name}-${process.arch}.tar`);
  if (existsSync(path) && !fresh) return path;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, `${name}.tmp-`));
  try {
    const rootfs = join(work, 'rootfs');
    mkdirSync(rootfs, { mode: 0o755 });
    await make(rootfs);
    await run('tar', ['--numeric-owner', '--xattrs', '--sort=name', '-C', rootfs, '-cf', join(work, 'tar'), '.']);
    renameSync(join(work, 'tar'), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

async function makeBusybox(rootfs: string): Promise<void> {
  for (const dir of [
    'bin',
    'dev',
    'etc',
    'home',
    'proc',
    'root',
    'sys',
    'tmp',
    'usr/bin',
    'usr/sbin',
    'var/spool/mail',
  ]) {
    mkdirSync(join(rootfs, dir), { recursive: true, mode: 0o755 });
  }
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  chmodSync(join(rootfs, 'root'), 0o700);
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  chmodSync(join(rootfs, 'bin/busybox'), 0o755);
  for (const applet of (await run('/bin/busybox', ['--list'])).split('\n').filter(Boolean)) {
    if (applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet));
  }
  const passwd = [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
    'www-data:x:33:33:www-data:/var/www:/bin/false',
    'nobody:x:65534:65534:nobody:/home:/bin/false',
  ];
  const group = ['root:x:0:', 'daemon:x:1:', 'tty:x:5:', 'www-data:x:33:', 'nogroup:x:65534:'];
  writeFileSync(join(rootfs, 'etc/passwd'), `${passwd.join('\n')}\n`);
  writeFileSync(join(rootfs, 'etc/group'), `${group.join('\n')}\n`);
}

/** Debian's own tool makes a minimal system; then what belongs to this host or can be fetched again is taken out. */
async function debootstrap(suite: string, rootfs: string): Promise<void> {
  const mirror = debianMirror();
  await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, rootfs, mirror]);
  for (const dir of ['var/cache/apt/archives', 'var/lib/apt/lists', 'var/log', 'tmp']) empty(join(rootfs, dir));
  for (const file of [
    'etc/hostname',
    'etc/resolv.conf',
    'etc/machine-id',
    'var/cache/apt/pkgcache.bin',
    'var/cache/apt/srcpkgcache.bin',
  ]) {
    rmSync(join(rootfs, file), { force: true });
  }
  const sources = [
    `deb ${mirror} ${suite} main`,
    `deb ${mirror} ${suite}-updates main`,
    `deb ${mirror}-security ${suite}-security main`,
  ];
  writeFileSync(join(rootfs, 'etc/apt/sources.list'), `${sources.join('\n')}\n`);
  // Packages must not start their services while an image is built.
  writeFileSync(join(rootfs, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const apt = [
    'APT::Install-Suggests "0";',
    'Acquire::Languages "none";',
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };',
  ];
  writeFileSync(join(rootfs, 'etc/apt/apt.conf.d/docker-clean'), `${apt.join('\n')}\n`);
  // Inside an image nothing is gained by syncing each unpacked file.
  writeFileSync(join(rootfs, 'etc/dpkg/dpkg.cfg.d/docker'), 'force-unsafe-io\n');
}

function empty(dir: string): void {
  for (const name of existsSync(dir) ? readdirSync(dir) : []) rmSync(join(dir, name), { recursive: true, force: true });
}

/** The mirror that this host installs from, so that images use the one that is known to be reachable. */
function debianMirror(): string {
  const fallback = 'http://deb.debian.org/debian';
  const files = ['/etc/apt/sources.list'];
  const parts = '/etc/apt/sources.list.d';
  if (existsSync(parts)) files.push(...readdirSync(parts).map((name) => join(parts, name)));
  for (const file of files.filter((f) => existsSync(f))) {
    const found = /(https?:\/\/\S+\/debian)\/?(?=\s|$)/m.exec(readFileSync(file, 'utf8'));
    if (found?.[1] !== undefined) return found[1];
  }
  return fallback;
}
