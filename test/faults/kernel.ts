import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { detectCgroups } from '../../src/linux/index.ts';
import { api } from '../e2e/support/http.ts';
import { processesWith } from './processes.ts';
import type { World } from './world.ts';

/** Where what the kernel and the disk hold differs from what the daemon says. */
export async function kernelFaults(world: World): Promise<string[]> {
  const faults: string[] = [];
  const { dataRoot, execRoot } = world.daemon;
  const containers = await world.list();
  const running = containers.filter((c) => c.State === 'running').map((c) => c.Id);
  const compare = (what: string, found: readonly string[], expected: readonly string[]): void => {
    const more = found.filter((x) => !expected.includes(x)).map((id) => id.slice(0, 12));
    const less = expected.filter((x) => !found.includes(x)).map((id) => id.slice(0, 12));
    if (more.length > 0) faults.push(`${what} without a running container: ${more.join(', ')}`);
    if (less.length > 0) faults.push(`no ${what} for: ${less.join(', ')}`);
  };

  for (const mount of new Set(detectCgroups().mounts.values())) {
    const group = join(mount, `wharf-${world.instance}`);
    compare(`cgroup in ${mount}`, directories(group), existsSync(group) ? running : []);
  }
  compare('network namespace', list(join(execRoot, 'netns')), running);

  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const merged = mounts.filter((line) => line.includes(` ${dataRoot}/snapshots/`)).length;
  if (merged !== running.length) faults.push(`${merged} root file systems are mounted, ${running.length} run`);
  faults.push(
    ...snapshotFaults(
      dataRoot,
      containers.map((c) => c.Id),
    ),
  );

  const networks = (await api(world.daemon.socket, 'GET', '/networks')) as {
    Id: string;
    Name: string;
    Driver: string;
  }[];
  let endpoints = 0;
  for (const id of running) {
    const { NetworkSettings } = await world.inspect(id);
    endpoints += Object.values(NetworkSettings.Networks).filter((n) => n.IPAddress !== '').length;
  }
  const bridges = networks
    .filter((n) => n.Driver === 'bridge')
    .map((n) => (n.Name === 'bridge' ? `wh-${world.instance}0` : `br-${n.Id.slice(0, 12)}`));
  for (const bridge of bridges) world.bridges.add(bridge);
  const links = readdirSync('/sys/class/net');
  const gone = bridges.filter((bridge) => !links.includes(bridge));
  if (gone.length > 0) faults.push(`no bridge ${gone.join(', ')}`);
  const stale = [...world.bridges].filter((bridge) => links.includes(bridge) && !bridges.includes(bridge));
  if (stale.length > 0) faults.push(`bridges without a network: ${stale.join(', ')}`);
  const ports = bridges.flatMap((bridge) => list(`/sys/class/net/${bridge}/brif`)).length;
  if (ports !== endpoints) faults.push(`${ports} links in the bridges for ${endpoints} endpoints`);

  faults.push(...temporaryFiles(dataRoot), ...runtimeProcesses(world));
  return faults;
}

/** Each container has one, the build cache some, nobody else; each has its directory. */
function snapshotFaults(dataRoot: string, containers: readonly string[]): string[] {
  const db = new DatabaseSync(join(dataRoot, 'wharf.db'), { readOnly: true });
  try {
    const rows = db.prepare("SELECT key FROM documents WHERE collection = 'snapshots'").all();
    const keys = rows.map((row) => String(row['key']));
    const odd = keys.filter((key) => !containers.includes(key) && !key.startsWith('buildcache-'));
    const none = containers.filter((id) => !keys.includes(id));
    const directories = list(join(dataRoot, 'snapshots')).length;
    return [
      ...odd.map((key) => `snapshot of nobody: ${key}`),
      ...none.map((id) => `no snapshot of ${id}`),
      ...(directories === keys.length ? [] : [`${directories} directories of ${keys.length} snapshots`]),
    ];
  } finally {
    db.close();
  }
}

/** What the instance has left anywhere once its daemon has stopped and nothing should be there. */
export function leftBehind(world: World): string[] {
  const left: string[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    if (line.includes(world.directory)) left.push(`mount ${line}`);
  }
  for (const mount of new Set(detectCgroups().mounts.values())) {
    const group = join(mount, `wharf-${world.instance}`);
    if (existsSync(group)) left.push(`cgroup ${group}`);
  }
  const links = readdirSync('/sys/class/net');
  left.push(...[...world.bridges].filter((bridge) => links.includes(bridge)).map((bridge) => `bridge ${bridge}`));
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n');
  left.push(...tables.filter((table) => table.includes(world.instance)));
  for (const pid of processesWith(world.directory)) {
    left.push(`process ${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
  }
  left.push(...temporaryFiles(world.daemon.dataRoot));
  return left;
}

/** In the daemon's own directories; volumes and layers belong to users. */
function temporaryFiles(dataRoot: string): string[] {
  const found = list(join(dataRoot, 'tmp')).map((name) => `temporary ${name}`);
  for (const directory of ['', 'containers', 'blobs/sha256', 'layers', 'snapshots']) {
    const names = list(join(dataRoot, directory)).filter((name) => /\.(tmp|partial)$/.test(name));
    found.push(...names.map((name) => `temporary ${directory}/${name}`));
  }
  return found;
}

function runtimeProcesses(world: World): string[] {
  return processesWith('--root', `${world.daemon.execRoot}/oci`).map((pid) => `an OCI runtime still runs: ${pid}`);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function directories(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}
