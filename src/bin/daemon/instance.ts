import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';

/** Six hexadecimal digits that mark in the kernel what belongs to the daemon of a data root, however its path is spelled. */
export function instanceOf(dataRoot: string): string {
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  return createHash('sha256').update(realpathSync(dataRoot)).digest('hex').slice(0, 6);
}
