import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The Node that package.json pins, if npm has installed it; else the one that runs this. */
export function pinnedNode() {
  const path = `${root}/node_modules/node-linux-${process.arch}/bin/node`;
  return existsSync(path) ? path : process.execPath;
}
