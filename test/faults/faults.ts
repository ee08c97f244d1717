import { setTimeout as wait } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { api } from '../e2e/support/http.ts';
import type { Action } from './actions.ts';
import { exhaustDescriptors, flushFirewall, jumpClock, loseUpstream, removeCgroup } from './machine-faults.ts';
import { slowDisk } from './slow-disk.ts';
import { kill9, processesWith } from './processes.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** What breaks. `restart`: the daemon has died with it and must be started again. */
interface Fault {
  /** @returns what was done, for the report; `undefined`: there was nothing to break */
  strike(world: World, random: Random, actions: readonly Action[]): string | undefined | Promise<string | undefined>;
  /** The daemon must be started anew for everything to be well again. */
  readonly restart: boolean;
}

export type FaultName = keyof typeof FAULTS;

export const FAULTS = {
  none: { restart: false, strike: () => 'nothing' },

  daemon: {
    restart: true,
    strike: async (world) => {
      await world.crash();
      return 'killed the daemon';
    },
  },

  monitor: { restart: false, strike: (world) => killMonitor(world) },

  both: {
    restart: true,
    strike: async (world, random) => {
      world.blind = true;
      world.restarted.add('typist');
      const daemonFirst = random.int(0, 1) === 0;
      const attached = world.wharf(['attach', '--no-stdin', '--sig-proxy=false', 'counter']).done;
      if (daemonFirst) await world.crash();
      killMonitor(world);
      if (!daemonFirst) await world.crash();
      if ((await attached).timedOut) throw new Error('a client that is attached hangs');
      return 'killed daemon and monitor';
    },
  },

  /** Again while it comes up. */
  'daemon-twice': {
    restart: true,
    strike: async (world, random) => {
      await world.crash();
      const coming = world.daemon.start().catch(() => undefined);
      await wait(random.int(20, 500));
      await world.crash();
      await coming;
      return 'killed the daemon, and again while it came up';
    },
  },

  client: {
    restart: false,
    strike: (_world, random, actions) => {
      if (actions.length === 0) return undefined;
      const { command } = random.pick(actions);
      command.kill();
      return `killed the client "${command.words.slice(0, 4).join(' ')}"`;
    },
  },

  runtime: {
    restart: false,
    strike: async (world) => {
      for (let i = 0; i < 100; i++) {
        const pids = processesWith('--root', `${world.daemon.execRoot}/oci`).filter(kill9);
        world.startsFail ||= pids.length > 0;
        if (pids.length > 0) return `killed the OCI runtime ${pids.join(', ')}`;
        await wait(3);
      }
      return undefined;
    },
  },

  step: {
    restart: false,
    strike: async (world) => {
      for (let i = 0; i < 100; i++) {
        const pids = processesWith('sh', `step-of-${world.directory}`).filter(isInCgroup).filter(kill9);
        if (pids.length > 0) return `killed a step of a build, ${pids.join(', ')}`;
        await wait(10);
      }
      return undefined;
    },
  },

  /** The container's process, from outside: its restart policy brings it back. */
  init: {
    restart: false,
    strike: async (world) => {
      const web = await world.inspect('web');
      if (web.State.Pid > 0) kill9(web.State.Pid);
      world.restarted.add('web');
      return 'killed the process of "web"';
    },
  },

  /** Our tables are gone, as after somebody else's `nft flush ruleset`: the daemon notices and writes them anew. */
  firewall: {
    restart: false,
    strike: (world) => {
      for (const family of ['ip', 'ip6']) {
        execFileSync('nft', ['delete', 'table', family, `wharf_${world.instance}`], { stdio: 'ignore' });
      }
      return 'removed the firewall tables';
    },
  },

  flush: { restart: false, strike: () => flushFirewall() },

  /** Nobody is there to notice but the keeper of the tables. */
  'flush-unseen': {
    restart: true,
    strike: async (world) => {
      await world.crash();
      return `killed the daemon, ${flushFirewall()}`;
    },
  },

  cgroup: { restart: false, strike: removeCgroup },
  descriptors: { restart: false, strike: exhaustDescriptors },
  upstream: { restart: false, strike: loseUpstream },
  clock: { restart: false, strike: jumpClock },
  'slow-disk': { restart: false, strike: slowDisk },

  /** The same under a daemon that lives: it is put back, and all that was in it. */
  'bridge-live': {
    restart: false,
    strike: async (world) => {
      await deleteBridge(world);
      return 'deleted a bridge';
    },
  },

  /** The network's bridge is deleted by hand; the next start of the daemon makes it anew, with all that was in it. */
  bridge: {
    restart: true,
    strike: async (world) => {
      await deleteBridge(world);
      await world.crash();
      return 'deleted a bridge, killed the daemon';
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

async function deleteBridge(world: World): Promise<void> {
  const { Id } = (await api(world.daemon.socket, 'GET', '/networks/lasting')) as { Id: string };
  execFileSync('ip', ['link', 'delete', `br-${Id.slice(0, 12)}`]);
}

function killMonitor(world: World): string | undefined {
  const pids = processesWith('wharf-monitor', world.daemon.execRoot);
  for (const pid of pids) kill9(pid);
  world.monitorDeaths += pids.length;
  return pids.length === 0 ? undefined : 'killed the monitor';
}

/** Of a container, not the client that names the same words. */
function isInCgroup(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes('/wharf-');
  } catch {
    return false;
  }
}
