import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withUnpackedPackages } from '../debian-packages.mjs';
import { run } from '../run.mjs';
import { done, note, seconds, step } from '../say.mjs';
import { VM_CACHE } from './image.ts';

const FRAGMENT = fileURLToPath(new URL('kernel.config', import.meta.url));
const SOURCE = 'linux-source-6.1';

/**
 * Path of a user-mode Linux, from the cache or made now. Debian's own package of it lacks nftables for IPv4, without which
 * there is no network of ours: so it is made from Debian's source of the same kernel, with what is needed built in.
 */
export async function machineKernel(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(FRAGMENT)).digest('hex').slice(0, 12);
  const path = join(VM_CACHE, `linux-${version}`);
  if (existsSync(path)) return path;
  step('A kernel of Debian 12 that runs as a program');
  note('compiled once: some minutes on an idle machine');
  const begin = Date.now();
  mkdirSync(VM_CACHE, { recursive: true });
  const work = mkdtempSync(join(VM_CACHE, 'tmp-'));
  try {
    const made = await withUnpackedPackages('bookworm', [SOURCE], async (unpacked) => {
      await run('tar', ['-C', work, '--strip-components=1', '-xf', join(unpacked, `usr/src/${SOURCE}.tar.xz`)]);
      const make = (...args: string[]) => run('make', ['-s', 'ARCH=um', ...args], { cwd: work });
      await make('defconfig');
      await run('sh', ['scripts/kconfig/merge_config.sh', '-m', '.config', FRAGMENT], { cwd: work });
      await make('olddefconfig');
      await make(`-j${availableParallelism()}`, 'vmlinux');
      return join(work, 'vmlinux');
    });
    copyFileSync(made, `${path}.tmp`);
    await run('strip', [`${path}.tmp`]);
    chmodSync(`${path}.tmp`, 0o755);
    renameSync(`${path}.tmp`, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  done(`${path} (${seconds(Date.now() - begin)})`);
  return path;
}
