import { mkdirSync, rmSync, symlinkSync, writeFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The lowest layer of every snapshot: mount points and stubs that a container finds even in an empty image, so that the runtime
 * does not make them in the container's own layer, where `diff` and `commit` would see them. Same names as Docker's init layer.
 */
export function makeInitLayer(path: string, temporary: string): void {
  if (existsSync(path)) return;
  rmSync(temporary, { recursive: true, force: true });
  for (const directory of ['dev/pts', 'dev/shm', 'etc', 'proc', 'sys']) {
    mkdirSync(join(temporary, directory), { recursive: true, mode: 0o755 });
  }
  for (const file of ['.dockerenv', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf']) {
    writeFileSync(join(temporary, file), '', { mode: 0o755 });
  }
  symlinkSync('/proc/mounts', join(temporary, 'etc/mtab'));
  renameSync(temporary, path);
}
