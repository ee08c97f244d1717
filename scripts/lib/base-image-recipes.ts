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
import { run } from './run.mjs';

/** How to make one base image. */
interface Recipe {
  /** Path of a tar of its root file system: from the cache, or made now. */
  archive(fresh: boolean): Promise<string>;
  /** Dockerfile instructions for `import --change`. */
  readonly changes: readonly string[];
  readonly message: string;
}

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
