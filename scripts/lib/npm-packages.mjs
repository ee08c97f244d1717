import { existsSync, statSync } from 'node:fs';
import { root } from './node.mjs';
import { run } from './run.mjs';
import { done, seconds, step } from './say.mjs';

/** Installs what package-lock.json names, if that has not been done since it last changed. */
export async function installNpmPackages() {
  const stamp = `${root}/node_modules/.package-lock.json`;
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(`${root}/package-lock.json`).mtimeMs) return;
  step('npm packages, and the pinned Node among them');
  const begin = Date.now();
  await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
  done(`installed in ${seconds(Date.now() - begin)}`);
}
