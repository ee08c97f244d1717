import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withUnpackedPackages } from './debian-packages.mjs';
import { done, seconds, step } from './say.mjs';

/** Where the docker CLI and its plugins that tests use are kept, outside the repository. */
export const CLI_PLUGINS = process.env.WHARF_CLI_PLUGINS ?? '/var/cache/wharf/cli-plugins';
/** Debian's unstable branch carries them as single static programs; no stable one does. */
const SUITE = 'sid';
const PLUGINS = 'usr/libexec/docker/cli-plugins';
/** Programs by the package they are in. */
const PROGRAMS = {
  'docker-buildx': `${PLUGINS}/docker-buildx`,
  'docker-compose': `${PLUGINS}/docker-compose`,
  'docker-cli': 'usr/bin/docker',
  // Unpacked only: installed, it would start a service.
  'docker-registry': 'usr/bin/docker-registry',
};
/** What may be on the machine already. */
const COMMANDS = { 'docker-cli': 'docker', 'docker-registry': 'docker-registry' };

/** Fetches the docker CLI and a registry (where there is none) and the plugins that are missing. */
export async function fetchCliPlugins() {
  const onPath = (command) => (process.env.PATH ?? '').split(':').some((dir) => existsSync(join(dir, command)));
  const missing = Object.keys(PROGRAMS)
    .filter((name) => COMMANDS[name] === undefined || !onPath(COMMANDS[name]))
    .filter((name) => !existsSync(join(CLI_PLUGINS, basename(PROGRAMS[name]))));
  if (missing.length === 0) return;
  step(`Programs for the client tests: ${missing.join(', ')}`);
  const begin = Date.now();
  await withUnpackedPackages(SUITE, missing, (root) => {
    mkdirSync(CLI_PLUGINS, { recursive: true });
    for (const path of missing.map((name) => PROGRAMS[name])) {
      const temporary = join(CLI_PLUGINS, `.${basename(path)}.${process.pid}`);
      copyFileSync(join(root, path), temporary);
      chmodSync(temporary, 0o755);
      renameSync(temporary, join(CLI_PLUGINS, basename(path)));
    }
  });
  done(`${CLI_PLUGINS} (${seconds(Date.now() - begin)})`);
}
