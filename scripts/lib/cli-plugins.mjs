import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from './run.mjs';
import { done, seconds, step } from './say.mjs';

/** Where the docker CLI and its plugins that tests use are kept, outside the repository. */
export const CLI_PLUGINS = process.env.WHARF_CLI_PLUGINS ?? '/var/cache/wharf/cli-plugins';
/** Debian's unstable branch carries them as single static programs; no stable one does. */
const SUITE = 'sid';
const MIRROR = process.env.WHARF_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
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

/**
 * Fetches the docker CLI and a registry (where there is none) and the plugins that are missing, from Debian packages that apt verifies,
 * without touching the system's apt.
 */
export async function fetchCliPlugins() {
  const onPath = (command) => (process.env.PATH ?? '').split(':').some((dir) => existsSync(join(dir, command)));
  const missing = Object.keys(PROGRAMS)
    .filter((name) => COMMANDS[name] === undefined || !onPath(COMMANDS[name]))
    .filter((name) => !existsSync(join(CLI_PLUGINS, basename(PROGRAMS[name]))));
  if (missing.length === 0) return;
  step(`Programs for the client tests: ${missing.join(', ')}`);
  const begin = Date.now();
  const work = mkdtempSync(join(tmpdir(), 'wharf-plugins-'));
  try {
    for (const dir of ['lists/partial', 'cache/archives/partial', 'debs'])
      mkdirSync(join(work, dir), { recursive: true });
    // apt fetches as a user of its own.
    chmodSync(work, 0o755);
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${keyring}] ${MIRROR} ${SUITE} main\n`);
    const options = [
      `Dir::Etc::sourcelist=${work}/sources.list`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache=${work}/cache`,
      'Acquire::Languages=none',
      'APT::Sandbox::User=root',
    ].flatMap((o) => ['-o', o]);
    await run('apt-get', [...options, '-qq', 'update']);
    await run('apt-get', [...options, '-qq', 'download', ...missing], { cwd: join(work, 'debs') });
    for (const deb of readdirSync(join(work, 'debs')))
      await run('dpkg-deb', ['-x', join(work, 'debs', deb), join(work, 'x')]);
    mkdirSync(CLI_PLUGINS, { recursive: true });
    for (const path of missing.map((name) => PROGRAMS[name])) {
      const temporary = join(CLI_PLUGINS, `.${basename(path)}.${process.pid}`);
      copyFileSync(join(work, 'x', path), temporary);
      chmodSync(temporary, 0o755);
      renameSync(temporary, join(CLI_PLUGINS, basename(path)));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  done(`${CLI_PLUGINS} (${seconds(Date.now() - begin)})`);
}
