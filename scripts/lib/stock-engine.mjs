import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withUnpackedPackages } from './debian-packages.mjs';
import { done, seconds, step } from './say.mjs';

/**
 * Where Debian's docker.io is kept, against which tests compare, by version: `bin` has dockerd and what it starts, `lib` the
 * libraries that a machine may lack. Unpacked, not installed: an installed one would start a service.
 */
export const STOCK_ENGINES = process.env.WHARF_STOCK_ENGINES ?? '/var/cache/wharf/stock-engines';
/** The branches by the version of their docker.io: 20.10 is what many people still have, 26.1 knows today's Dockerfiles. */
const SUITES = { '20.10': 'bookworm', 26.1: 'trixie' };
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
/** What is kept, by where it is in the packages. The docker CLI of the same age is not: tests use the new one. */
const ENGINE = {
  'usr/sbin/dockerd': 'bin/dockerd',
  'usr/sbin/docker-proxy': 'bin/docker-proxy',
  'usr/bin/containerd': 'bin/containerd',
  'usr/bin/containerd-shim-runc-v2': 'bin/containerd-shim-runc-v2',
};
/** From the oldest branch for every version: newer ones ask for a newer C library. */
const RUNTIME = {
  'usr/sbin/runc': 'bin/runc',
  'usr/bin/tini-static': 'bin/docker-init',
  [`lib/${TRIPLET}/libdevmapper.so.1.02.1`]: 'lib/libdevmapper.so.1.02.1',
};

/** Fetches the versions of dockerd that are missing, with their containerd. */
export async function fetchStockEngines() {
  const missing = Object.keys(SUITES).filter((version) => !existsSync(join(STOCK_ENGINES, version)));
  if (missing.length === 0) return;
  step(`Stock Docker engines, to compare with: ${missing.join(', ')}`);
  const begin = Date.now();
  await withUnpackedPackages(SUITES['20.10'], ['runc', 'tini', 'libdevmapper1.02.1'], async (runtime) => {
    for (const version of missing) {
      await withUnpackedPackages(SUITES[version], ['docker.io', 'containerd'], (engine) => {
        keep(version, { [engine]: ENGINE, [runtime]: RUNTIME });
      });
    }
  });
  done(`${STOCK_ENGINES} (${seconds(Date.now() - begin)})`);
}

function keep(version, filesByRoot) {
  const temporary = join(STOCK_ENGINES, `.${version}.${process.pid}`);
  try {
    for (const dir of ['bin', 'lib']) mkdirSync(join(temporary, dir), { recursive: true });
    for (const [root, files] of Object.entries(filesByRoot)) {
      for (const [from, to] of Object.entries(files)) copyFileSync(join(root, from), join(temporary, to));
    }
    renameSync(temporary, join(STOCK_ENGINES, version));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Debian's podman, below `usr` and `etc`, as laid over those of the machine. */
export const STOCK_PODMAN = join(STOCK_ENGINES, 'podman-4.3');
const PODMAN = ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'golang-github-containers-common'];
const PODMAN_LIBRARIES = ['libgpgme11', 'libassuan0', 'libgpg-error0', 'libsubid4', 'libdevmapper1.02.1', 'libyajl2'];

/** Fetches podman if it is missing. */
export async function fetchStockPodman() {
  if (existsSync(STOCK_PODMAN)) return;
  step('Podman, to compare with');
  const begin = Date.now();
  await withUnpackedPackages('bookworm', [...PODMAN, ...PODMAN_LIBRARIES], (root) => {
    const temporary = `${STOCK_PODMAN}.${process.pid}`;
    const keep = (from, to) =>
      cpSync(join(root, from), join(temporary, to), { recursive: true, verbatimSymlinks: true, force: true });
    try {
      for (const directory of ['usr/bin', 'usr/lib', 'usr/share/containers', 'etc/containers'])
        keep(directory, directory);
      keep('lib', 'usr/lib');
      renameSync(temporary, STOCK_PODMAN);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
  done(`${STOCK_PODMAN} (${seconds(Date.now() - begin)})`);
}
