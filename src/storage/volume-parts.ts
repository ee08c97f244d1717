import { mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bindMount, openInRoot, umountAll } from '../linux/index.ts';
import type { HeldPath } from './contract.ts';
import { shortName } from './layout.ts';

/**
 * Mounts a part of a volume in a place of its own below `directory`: a runtime is given that path, and nobody can put a
 * symlink in its way any more. Disposing takes the mount away; who has mounted it from there keeps it.
 * @throws {SystemCallError} `ENOENT`, `ENOTDIR`, `ELOOP`
 */
export function bindPart(
  directory: string,
  root: string,
  path: string,
  bind: (source: string, target: string) => void = (source, target) => bindMount(source, target, { recursive: true }),
): HeldPath {
  using found = openInRoot(root, path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const target = join(directory, shortName());
  if (statSync(found.path).isDirectory()) mkdirSync(target);
  else writeFileSync(target, '');
  try {
    bind(found.path, target);
  } catch (error) {
    removePart(target);
    throw error;
  }
  return { path: target, [Symbol.dispose]: () => removePart(target) };
}

/** Takes away what a crash left. Never recursive: behind a mount are people's files. */
export function sweepParts(directory: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) removePart(join(directory, name));
}

function removePart(target: string): void {
  umountAll(target);
  const stats = statSync(target, { throwIfNoEntry: false });
  if (stats?.isDirectory()) rmdirSync(target);
  else if (stats !== undefined) unlinkSync(target);
}
