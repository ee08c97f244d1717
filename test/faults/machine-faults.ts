import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { detectCgroups } from '../../src/linux/index.ts';
import { isIsolated } from './isolation.ts';
import { kill9 } from './processes.ts';
import type { Random } from './random.ts';
import { OUTSIDE_NAME } from './upstream.ts';
import type { World } from './world.ts';

/** A question that nobody answers: three servers at most, four seconds each, and the client's own patience. */
const UNANSWERED_MS = 25_000;

/** Somebody empties the firewall of the whole host, which is the harness's own. */
export function flushFirewall(): string {
  if (!isIsolated()) throw new Error('only in a network namespace of the harness');
  execFileSync('nft', ['flush', 'ruleset']);
  return 'flushed all firewall rules';
}

/** All processes of a container are ended and its cgroups removed, by hand. */
export async function removeCgroup(world: World): Promise<string | undefined> {
  const { Id } = await world.inspect('web');
  world.restarted.add('web');
  const groups = [...new Set(detectCgroups().mounts.values())].map((m) => join(m, `wharf-${world.instance}`, Id));
  for (const group of groups) for (const pid of pidsOf(group)) kill9(pid);
  let removed = 0;
  // The last process of a group may be on its way out; the daemon may be quicker.
  for (const end = Date.now() + 500; Date.now() < end; await wait(5)) {
    removed += groups.filter(removedEmpty).length;
    if (removed >= groups.length) break;
  }
  return `ended all in the cgroup of "web", removed ${removed} of ${groups.length}`;
}

/** The daemon can open no more files for a while: single requests fail, and then all is well again. */
export async function exhaustDescriptors(world: World, random: Random): Promise<string> {
  const pid = String(world.daemon.pid);
  const usual = /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  if (usual === null) throw new Error('no limit of open files is known');
  const open = readdirSync(`/proc/${pid}/fd`).length + random.int(-6, 6);
  const limit = (soft: string): void => {
    execFileSync('prlimit', ['--pid', pid, `--nofile=${soft}:${usual[2]}`]);
  };
  world.startsFail = true;
  limit(String(open));
  const run = world.wharf(['run', '--rm', 'busybox', 'true']).done;
  await wait(random.int(200, 2000));
  if (!world.daemon.hasEnded) limit(String(usual[1]));
  const { timedOut, stdout, stderr } = await run;
  if (timedOut) throw new Error('a run that met the lack of descriptors hangs');
  if (/\n\s+at /.test(stdout + stderr)) throw new Error(`without descriptors: ${stderr}`);
  const [said] = stderr.split('\n');
  return `allowed the daemon ${open} open files${said ? ` (${said})` : ''}`;
}

/** The host's name server is gone, or takes questions and is silent: names of containers are known, others fail in time. */
export async function loseUpstream(world: World, random: Random): Promise<string> {
  const isSilent = random.int(0, 1) === 0;
  if (isSilent) world.upstream.fallSilent();
  else world.upstream.close();
  try {
    const address = (await world.inspect('web')).NetworkSettings.Networks['lasting']?.IPAddress ?? '';
    const begin = Date.now();
    const outside = world.wharf(['exec', 'counter', 'nslookup', '-type=a', OUTSIDE_NAME]).done;
    const inside = await world.wharf(['exec', 'counter', 'nslookup', '-type=a', 'web']).done;
    if (address === '' || !inside.stdout.includes(address)) {
      throw new Error(`without a name server "web" is not known: ${inside.stdout}${inside.stderr}`);
    }
    const { code, stdout } = await outside;
    if (code === 0) throw new Error(`without a name server there is an answer: ${stdout}`);
    if (Date.now() - begin > UNANSWERED_MS) throw new Error(`no answer for ${Date.now() - begin} ms`);
  } finally {
    world.upstream.close();
    await world.upstream.open();
  }
  return isSilent ? 'silenced the name server' : 'ended the name server';
}

/** The daemon's clock jumps, by seconds or by days, there or back. */
export function jumpClock(world: World, random: Random): string {
  const seconds = random.pick([-1, 1]) * random.pick([2, 90, 4000, 86_400 * 40]);
  writeFileSync(world.daemonClock, String(seconds * 1000));
  process.kill(world.daemon.pid, 'SIGUSR2');
  return `put the daemon's clock ${seconds} s off`;
}

function pidsOf(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function removedEmpty(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
