import { existsSync, mkdirSync, readFileSync, realpathSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { detectCgroups } from '../../src/linux/index.ts';
import { processesWith } from './processes.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Reads and writes a second that the disk has for daemon and monitor while it is slow. */
const OPERATIONS = 10;

/**
 * The disk is slow for a while: daemon and monitor may do no more than some operations a second, through a cgroup of their
 * own. Whoever waits for the disk waits longer; nothing fails. `undefined`: the kernel has no throttling here.
 */
export async function slowDisk(world: World, random: Random): Promise<string | undefined> {
  const mount = detectCgroups().mounts.get('blkio');
  const device = diskOf(world.daemon.dataRoot);
  if (mount === undefined || device === undefined) return undefined;
  const group = join(mount, `wharf-${world.instance}-slow`);
  const slow = [world.daemon.pid, ...processesWith('wharf-monitor', world.daemon.execRoot)];
  const before = groupOf(world.daemon.pid);
  mkdirSync(group);
  const ms = random.int(500, 3000);
  try {
    for (const what of ['read', 'write']) {
      writeFileSync(join(group, `blkio.throttle.${what}_iops_device`), `${device} ${OPERATIONS}`);
    }
    for (const pid of slow) writeFileSync(join(group, 'cgroup.procs'), String(pid));
    await wait(ms);
  } finally {
    await leave(group, join(mount, before));
  }
  return `slowed the disk to ${OPERATIONS} operations a second for ${ms} ms`;
}

/** Moves all processes back to where they came from, also those that were started meanwhile. */
async function leave(group: string, to: string): Promise<void> {
  for (;;) {
    for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      try {
        writeFileSync(join(to, 'cgroup.procs'), pid);
      } catch {
        // it has ended
      }
    }
    try {
      rmdirSync(group);
      return;
    } catch {
      await wait(10);
    }
  }
}

/** The whole disk (throttling knows no partitions) below a directory; `undefined`: there is none. */
function diskOf(directory: string): string | undefined {
  const { dev } = statSync(directory);
  const major = Number((BigInt(dev) >> 8n) & 0xfffn);
  const minor = Number((BigInt(dev) & 0xffn) | ((BigInt(dev) >> 12n) & 0xfff00n));
  const block = `/sys/dev/block/${major}:${minor}`;
  if (!existsSync(block)) return undefined;
  const path = realpathSync(block);
  return readFileSync(join(path, existsSync(join(path, 'partition')) ? '../dev' : 'dev'), 'utf8').trim();
}

function groupOf(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((text) => /^\d+:([^:]*,)?blkio(,[^:]*)?:/.test(text));
  return line?.split(':').slice(2).join(':') ?? '/';
}
