import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.mjs';

const MIRROR = process.env.WHARF_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Unpacks Debian packages, which apt verifies, into a directory that lives as long as `body` runs. Nothing is installed,
 * and the system's own apt is not touched: no service starts, no file of the system changes.
 */
export async function withUnpackedPackages(suite, packages, body) {
  const work = mkdtempSync(join(tmpdir(), 'wharf-packages-'));
  try {
    for (const dir of ['lists/partial', 'cache/archives/partial', 'debs'])
      mkdirSync(join(work, dir), { recursive: true });
    // apt fetches as a user of its own.
    chmodSync(work, 0o755);
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
    const options = [
      `Dir::Etc::sourcelist=${work}/sources.list`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache=${work}/cache`,
      'Acquire::Languages=none',
      'APT::Sandbox::User=root',
    ].flatMap((o) => ['-o', o]);
    await run('apt-get', [...options, '-qq', 'update']);
    await run('apt-get', [...options, '-qq', 'download', ...packages], { cwd: join(work, 'debs') });
    for (const deb of readdirSync(join(work, 'debs')))
      await run('dpkg-deb', ['-x', join(work, 'debs', deb), join(work, 'root')]);
    return await body(join(work, 'root'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
