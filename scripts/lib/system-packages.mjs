import { existsSync, readFileSync, statSync } from 'node:fs';
import { run } from './run.mjs';
import { done, fail, note, step } from './say.mjs';

/** Debian packages by what they are needed for. `proof`: a file that shows that it is there. */
const PACKAGES = {
  engine: [
    { name: 'crun', proof: '/usr/bin/crun' },
    { name: 'runc', proof: '/usr/sbin/runc' },
    { name: 'nftables', proof: '/usr/sbin/nft' },
    { name: 'tini', proof: '/usr/bin/tini-static' },
    { name: 'ca-certificates', proof: '/etc/ssl/certs/ca-certificates.crt' },
  ],
  baseImages: [
    { name: 'busybox-static', proof: '/usr/share/doc/busybox-static' },
    { name: 'debootstrap', proof: '/usr/sbin/debootstrap' },
  ],
  examples: [{ name: 'mariadb-client', proof: '/usr/bin/mariadb' }],
  clients: [
    { name: 'skopeo', proof: '/usr/bin/skopeo' },
    { name: 'umoci', proof: '/usr/bin/umoci' },
    { name: 'libcap2-bin', proof: '/usr/sbin/setcap' },
    { name: 'python3-docker', proof: '/usr/lib/python3/dist-packages/docker' },
    { name: 'git', proof: '/usr/bin/git' },
    { name: 'zsh', proof: '/usr/bin/zsh' },
    { name: 'fish', proof: '/usr/bin/fish' },
    // The stock engine cannot do without.
    { name: 'iptables', proof: '/usr/sbin/iptables' },
  ],
  vm: [
    // To compile its kernel.
    { name: 'gcc', proof: '/usr/bin/gcc' },
    { name: 'libc6-dev', proof: '/usr/include/stdio.h' },
    { name: 'make', proof: '/usr/bin/make' },
    { name: 'flex', proof: '/usr/bin/flex' },
    { name: 'bison', proof: '/usr/bin/bison' },
    { name: 'bc', proof: '/usr/bin/bc' },
    { name: 'xz-utils', proof: '/usr/bin/xz' },
    { name: 'slirp4netns', proof: '/usr/bin/slirp4netns' },
    { name: 'openssh-client', proof: '/usr/bin/ssh' },
    { name: 'e2fsprogs', proof: '/usr/sbin/mkfs.ext4' },
  ],
};

/** What the product and its tests need, for a machine that is made anew. */
export function packageNames() {
  return ['engine', 'baseImages', 'examples', 'clients'].flatMap((group) => PACKAGES[group]).map(({ name }) => name);
}

/** Installs those of the packages that are missing, with apt-get. */
export async function installPackages(...groups) {
  const wanted = groups.flatMap((group) => PACKAGES[group]).filter((p) => !existsSync(p.proof));
  if (wanted.length === 0) return;
  const names = wanted.map((p) => p.name);
  step(`System packages: ${names.join(', ')}`);
  if (!existsSync('/usr/bin/apt-get')) {
    fail(
      `these programs are missing: ${names.join(', ')}`,
      'install them with the package manager of this system, then try again',
    );
  }
  if (process.getuid() !== 0) fail('installing system packages needs root', 'run this as root');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (!aptListsAreFresh()) await run('apt-get', ['update', '-qq'], { env });
  const args = ['install', '-y', '-qq', '--no-install-recommends'];
  try {
    await run('apt-get', [...args, ...names], { env });
  } catch {
    note('trying again with fresh package lists');
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', [...args, ...names], { env });
  }
  done(names.join(', '));
}

function aptListsAreFresh() {
  try {
    return (
      readFileSync('/etc/debian_version') && Date.now() - statSync('/var/lib/apt/lists/partial').mtimeMs < 86_400_000
    );
  } catch {
    return false;
  }
}
