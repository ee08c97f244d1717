import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STOCK_PODMAN } from '../scripts/lib/stock-engine.mjs';
import { type IsolatedServer, removeCgroups, withIsolatedServer } from '../test/e2e/support/isolated-server.ts';

/** Where its containers' control groups are, whatever it is told. */
const CGROUP = 'libpod_parent';
/** The one registry that it takes to be without encryption, in its own network. */
export const PODMAN_REGISTRY = '127.0.0.1:5000';

/**
 * Its programs are laid over the machine's, in its own mount namespace; it keeps things in /run. It says nothing of the
 * requests it gets: nobody would read that while the bench waits for a client, and a full pipe would stop it.
 */
const SCRIPT = `
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$1/etc:/etc" /etc
mount -t tmpfs tmpfs /run
socket=$2
shift 2
podman "$@" &
while [ ! -S "$socket" ]; do sleep 0.05; done
echo listening >&2
wait`;

/** Runs `body` with Debian's podman behind a socket that the docker CLI talks to, ended and removed afterwards. */
export async function withPodman(
  body: (podman: Pick<IsolatedServer, 'inNetwork'> & { readonly host: string }) => Promise<void>,
): Promise<void> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'podman-')));
  const socket = join(directory, 'podman.sock');
  const host = `unix://${socket}`;
  const registries = join(directory, 'registries.conf');
  writeFileSync(registries, `[[registry]]\nlocation = "${PODMAN_REGISTRY}"\ninsecure = true\n`);
  const places = { root: 'data', runroot: 'run', 'network-config-dir': 'networks', tmpdir: 'tmp' };
  const flags = Object.entries(places).map(([name, place]) => `--${name}=${join(directory, place)}`);
  const how = ['--cgroup-manager=cgroupfs', '--events-backend=file', '--log-level=error'];
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: '/usr/lib/x86_64-linux-gnu',
    CONTAINERS_REGISTRIES_CONF: registries,
    // It leaves each archive that it has loaded lying there.
    TMPDIR: directory,
    // Behind its socket it caches no step of a build unless told to.
    BUILDAH_LAYERS: 'true',
  };
  const isTaken = existsSync(join('/sys/fs/cgroup/pids', CGROUP));
  const serve = ['system', 'service', '--time=0', host];
  try {
    await withIsolatedServer([SCRIPT, STOCK_PODMAN, socket, ...flags, ...how, ...serve], env, 'listening', (server) =>
      body({ inNetwork: server.inNetwork, host }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
    if (!isTaken) await removeCgroups(CGROUP);
  }
}
