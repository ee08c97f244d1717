import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { RECIPES } from '../base-image-recipes.ts';
import { run } from '../run.mjs';
import { done, seconds, step } from '../say.mjs';
import { packageNames } from '../system-packages.mjs';

/** `bare`: what a user of a fresh Debian 12 has who has installed Node, npm and git. `tests`: and all that the tests need. */
export type ImageKind = 'bare' | 'tests';

/** Where kernel and images are kept. */
export const VM_CACHE = join(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', 'vm');
/** To be raised with what is made here, so that nobody goes on with an older image. */
const VERSION = 1;
/** Its files take what they need; the rest is a hole. */
const DISK = '24G';
const SYSTEM = ['systemd-sysv', 'dbus', 'udev', 'kmod', 'iproute2', 'openssh-server', 'procps', 'ca-certificates'];
const USER = ['nodejs', 'npm', 'git'];
const TESTS = ['strace', 'nfs-common', 'nfs-kernel-server', 'ufw', 'firewalld', 'docker.io'];
/** Where the machine's cards are: it has the one that scripts/lib/vm/machine.ts gives it. */
const NETWORK = '[Match]\nName=vec0\n[Network]\nAddress=10.0.3.2/24\nGateway=10.0.3.1\n';

/** The secret key for root of every machine made here. They listen in a network of their own only. */
export const KEY = join(VM_CACHE, 'key');

/** Path of an ext4 file system with Debian 12 on it, from the cache or made now (a few minutes). */
export async function machineImage(kind: ImageKind): Promise<string> {
  const path = join(VM_CACHE, `${kind}-${VERSION}.ext4`);
  if (existsSync(path)) return path;
  step(`A Debian 12 to start (${kind})`);
  const begin = Date.now();
  mkdirSync(VM_CACHE, { recursive: true });
  if (!existsSync(KEY)) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', KEY]);
  const work = mkdtempSync(join(VM_CACHE, 'tmp-'));
  try {
    const root = join(work, 'root');
    mkdirSync(root, { mode: 0o755 });
    await unpack(root);
    const packages = [...SYSTEM, ...USER, ...(kind === 'tests' ? [...packageNames(), ...TESTS] : [])];
    await install(root, packages);
    configure(root);
    const image = join(work, 'image');
    await run('truncate', ['-s', DISK, image]);
    await run('mkfs.ext4', ['-q', '-F', '-d', root, image]);
    renameSync(image, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  done(`${path} (${seconds(Date.now() - begin)})`);
  return path;
}

async function unpack(root: string): Promise<void> {
  const base = RECIPES['debian:bookworm'];
  if (base === undefined) throw new Error('no recipe for debian:bookworm');
  await run('tar', ['-C', root, '--numeric-owner', '--xattrs', '-xf', await base.archive(false)]);
}

/** With the host's resolver and certificates, and nothing started: the image's policy-rc.d forbids it. */
async function install(root: string, packages: readonly string[]): Promise<void> {
  copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
  const script = [
    'set -e',
    'export DEBIAN_FRONTEND=noninteractive',
    'mount -t proc proc /proc',
    'apt-get update -qq',
    'apt-get install -y -qq --no-install-recommends "$@"',
    'systemctl enable -q systemd-networkd ssh',
    // Each test starts what it wants.
    'for unit in docker.service docker.socket containerd ufw firewalld nfs-server nftables; do systemctl disable -q $unit || true; done',
  ].join('\n');
  const isolated = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  await run('unshare', [...isolated, 'chroot', root, 'sh', '-c', script, 'sh', ...packages]);
}

function configure(root: string): void {
  const write = (path: string, text: string) => writeFileSync(join(root, path), text);
  rmSync(join(root, 'usr/sbin/policy-rc.d'), { force: true });
  write('etc/hostname', 'vm\n');
  write('etc/hosts', '127.0.0.1 localhost vm\n::1 localhost\n');
  write('etc/resolv.conf', 'nameserver 10.0.2.3\n');
  write('etc/fstab', '/dev/root / ext4 defaults 0 1\n');
  mkdirSync(join(root, 'etc/systemd/network'), { recursive: true });
  write('etc/systemd/network/10-vec0.network', NETWORK);
  // A mirror of npm may be vouched for by what this machine trusts.
  copyFileSync('/etc/ssl/certs/ca-certificates.crt', join(root, 'etc/ssl/certs/ca-certificates.crt'));
  write('etc/environment', 'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n');
  mkdirSync(join(root, 'root/.ssh'), { recursive: true });
  copyFileSync(`${KEY}.pub`, join(root, 'root/.ssh/authorized_keys'));
  chmodSync(join(root, 'root/.ssh'), 0o700);
  rmSync(join(root, 'var/cache/apt/archives'), { recursive: true, force: true });
  mkdirSync(join(root, 'var/cache/apt/archives/partial'), { recursive: true });
}
