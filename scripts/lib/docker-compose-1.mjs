import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withUnpackedPackages } from './debian-packages.mjs';
import { done, seconds, step } from './say.mjs';

/**
 * Where Debian's docker-compose 1.29 is kept, the last one in Python, with what it needs beside python3-docker:
 * `bin/docker-compose`, and `lib` for PYTHONPATH. Not installed, as its command would stand in the way of others.
 */
export const DOCKER_COMPOSE_1 = process.env.WHARF_DOCKER_COMPOSE_1 ?? '/var/cache/wharf/docker-compose-1.29';
const SUITE = 'bookworm';
const PACKAGES = [
  'docker-compose',
  'python3-attr',
  'python3-cached-property',
  'python3-distro',
  'python3-dockerpty',
  'python3-docopt',
  'python3-dotenv',
  'python3-jsonschema',
  'python3-pyrsistent',
  'python3-texttable',
  'python3-yaml',
];

/** Fetches it, unless it is there. */
export async function fetchDockerCompose1() {
  if (existsSync(DOCKER_COMPOSE_1)) return;
  step('docker-compose 1.29, to drive the engine with');
  const begin = Date.now();
  const temporary = `${DOCKER_COMPOSE_1}.${process.pid}`;
  try {
    await withUnpackedPackages(SUITE, PACKAGES, (root) => {
      mkdirSync(join(temporary, 'bin'), { recursive: true });
      cpSync(join(root, 'usr/bin/docker-compose'), join(temporary, 'bin/docker-compose'));
      cpSync(join(root, 'usr/lib/python3/dist-packages'), join(temporary, 'lib'), { recursive: true });
    });
    mkdirSync(dirname(DOCKER_COMPOSE_1), { recursive: true });
    renameSync(temporary, DOCKER_COMPOSE_1);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  done(`${DOCKER_COMPOSE_1} (${seconds(Date.now() - begin)})`);
}
