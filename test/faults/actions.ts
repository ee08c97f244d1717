import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Outcome } from './command.ts';
import { eventually } from './eventually.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** One thing that a client does. */
export interface Action {
  readonly command: Command;
  /** The exit code of success. */
  readonly expected?: number;
  /** Told of its end unless the client was killed: what is promised from now on. Gives what is wrong. */
  settle(outcome: Outcome): Promise<string | undefined> | string | undefined;
  /** It failed or was cut off, which a fault may cause: what nobody can know any more. */
  unsettled?(): void;
}

export type ActionName = keyof typeof ACTIONS;

const DONE = undefined;

/** `undefined`: nothing to do it with at the moment. */
type Start = (world: World, random: Random) => Action | undefined;

/** What the harness can do, by name. */
export const ACTIONS = {
  /** Ends by itself, after some lines, with its own code. */
  job: (world, random) => {
    const job = { name: world.name('job'), lines: random.int(1, 400), code: random.int(0, 120) };
    const pause = random.int(0, 1) === 0 ? '' : 'usleep 3000;';
    const script = `i=0; while [ $i -lt ${job.lines} ]; do i=$((i+1)); echo line $i; ${pause} done; exit ${job.code}`;
    const extra = random.pick([[], ['--network', 'lasting'], ['--network', 'none'], ['-t']]);
    const tty = extra.includes('-t');
    const command = world.wharf(['run', '-d', '--name', job.name, ...extra, 'busybox', 'sh', '-c', script]);
    return {
      command,
      settle: () => {
        world.jobs.set(job.name, { ...job, tty });
        return DONE;
      },
    };
  },

  stubborn: (world, random) => {
    const stubborn = { name: world.name('stubborn'), retries: random.int(1, 3), code: random.int(1, 120) };
    const policy = `on-failure:${stubborn.retries}`;
    const script = `echo up; exit ${stubborn.code}`;
    const words = ['run', '-d', '--name', stubborn.name, '--restart', policy, 'busybox', 'sh', '-c', script];
    return {
      command: world.wharf(words),
      settle: () => {
        world.stubborn.set(stubborn.name, stubborn);
        return DONE;
      },
    };
  },

  /** In the foreground: output and exit code come through the client. */
  foreground: (world, random) => {
    const code = random.int(0, 120);
    const lines = random.int(1, 200);
    const script = `for i in $(seq ${lines}); do echo $i; done; exit ${code}`;
    const command = world.wharf(['run', '--rm', 'busybox', 'sh', '-c', script]);
    return {
      command,
      settle: (outcome) => {
        const expected = Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join('');
        return outcome.stdout === expected ? DONE : `its output is not complete: ${outcome.stdout.length} bytes`;
      },
      expected: code,
    };
  },

  volume: (world) => {
    const number = world.number();
    world.attempted.add(number);
    const script = `echo ${number} >> /kept/log`;
    return {
      command: world.wharf(['run', '--rm', '-v', 'kept:/kept', 'busybox', 'sh', '-c', script]),
      settle: () => {
        world.written.push(number);
        return DONE;
      },
    };
  },

  /** Takes more memory than it may have; a policy goes on all the same. */
  greedy: (world, random) => {
    const name = world.name('greedy');
    const retries = random.int(0, 1);
    const policy = retries === 0 ? 'no' : `on-failure:${retries}`;
    return {
      command: world.wharf(['run', '--name', name, '-m', '16m', '--restart', policy, 'busybox', 'tail', '/dev/zero']),
      settle: () =>
        eventually(async () => {
          const { State, RestartCount } = await world.inspect(name);
          if (State.Status !== 'exited') return `it is ${State.Status} after ${RestartCount} restarts of ${retries}`;
          if (RestartCount !== retries) return `it was restarted ${RestartCount} times instead of ${retries}`;
          return State.OOMKilled && State.ExitCode === 137 ? DONE : 'it does not say OOMKilled';
        }),
      expected: 137,
    };
  },

  /** Fetched, run, removed. */
  pull: (world) => {
    if (world.pullBusy) return undefined;
    world.pullBusy = true;
    const over = (): void => {
      world.pullBusy = false;
    };
    return {
      command: world.shell('"$0" pull -q "$1" && "$0" run --rm "$1" && "$0" rmi "$1"', [world.pulled]),
      settle: ({ stdout }) => {
        over();
        return stdout.includes('\npulled') ? DONE : `the image that was pulled printed ${JSON.stringify(stdout)}`;
      },
      unsettled: over,
    };
  },

  exec: (world, random) => {
    const code = random.int(0, 120);
    return {
      command: world.wharf(['exec', 'counter', 'sh', '-c', `echo in; exit ${code}`]),
      settle: ({ stdout }) => (stdout === 'in\n' ? DONE : `an exec said "${stdout}"`),
      expected: code,
    };
  },

  build: (world) => {
    const tag = world.name('image');
    const context = world.context(tag, `step-of-${world.directory}`);
    const gone = () => rmSync(context, { recursive: true, force: true });
    return {
      command: world.wharf(['build', '-q', '--no-cache', '-t', tag, context]),
      settle: () => {
        gone();
        world.images.set(tag, tag);
        return DONE;
      },
      unsettled: gone,
    };
  },

  load: (world) => {
    const file = join(world.directory, `${world.name('archive')}.tar`);
    const tag = [...world.images.keys()].at(-1) ?? 'busybox';
    const script = '"$0" save -o "$1" "$2" && "$0" load -q -i "$1"';
    const gone = () => rmSync(file, { force: true });
    return {
      command: world.shell(script, [file, tag]),
      settle: () => {
        gone();
        return DONE;
      },
      unsettled: gone,
    };
  },

  network: (world) => {
    const name = world.name('net');
    return {
      command: world.wharf(['network', 'create', name]),
      settle: () => {
        world.networks.add(name);
        return DONE;
      },
    };
  },

  'network-rm': (world) => {
    const [name] = world.networks;
    if (name === undefined) return undefined;
    world.networks.delete(name);
    return { command: world.wharf(['network', 'rm', name]), settle: () => DONE };
  },

  rm: (world, random) => {
    if (world.jobs.size === 0) return undefined;
    const name = random.pick([...world.jobs.keys()]);
    world.jobs.delete(name);
    return {
      command: world.wharf(['rm', '-f', name]),
      settle: () => {
        world.removed.add(name);
        return DONE;
      },
    };
  },

  stop: (world) => ({
    command: world.shell(
      '"$0" run -d --name "$1" busybox sleep 1000 && "$0" stop -t 0 "$1" && "$0" start "$1" && "$0" kill "$1" && "$0" rm "$1"',
      [world.name('stopped')],
    ),
    settle: () => DONE,
  }),

  logs: (world) => ({
    command: world.wharf(['logs', '--tail', '20', 'counter']),
    settle: ({ stdout }) => (stdout.split('\n').length === 21 ? DONE : `logs --tail 20 gave ${JSON.stringify(stdout)}`),
  }),

  compose: (world) => {
    if (world.projectBusy) return undefined;
    world.projectBusy = true;
    const up = world.project !== 'up';
    world.project = 'unknown';
    const words = up ? ['compose', 'up', '-d'] : ['compose', 'down', '-v', '-t', '0'];
    return {
      command: world.wharf(words, world.projectDirectory),
      settle: () => {
        world.projectBusy = false;
        world.project = up ? 'up' : 'down';
        return DONE;
      },
      unsettled: () => {
        world.projectBusy = false;
      },
    };
  },
} as const satisfies Readonly<Record<string, Start>>;
