import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KEY } from './image.ts';

const ADDRESS = '10.0.3.2';
/** systemd's start in a machine that emulates every system call, on a busy host. */
const START_MS = 900_000;
/** The kernel sees to it, however we end. */
const DIE_WITH_US = ['--pdeathsig', 'KILL'];
const HERE = fileURLToPath(new URL('.', import.meta.url));

export interface MachineOptions {
  /** A user-mode Linux. */
  readonly kernel: string;
  /** The file system it starts from; it is not written to. */
  readonly image: string;
  readonly memoryMiB: number;
  /** Where its changes are kept, to start again with them. Without: thrown away at the end. */
  readonly changes?: string;
}
export interface ShellOptions {
  /** Its stdio is ours. */
  readonly show?: boolean;
  readonly input?: string;
  /** How long to wait for the machine to answer, in seconds. */
  readonly connectSeconds?: number;
}
export interface ShellResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A machine of its own: Debian's kernel as a program (user-mode Linux), systemd, cgroups of version 2 only. It needs no
 * support by the processor. Kernel, network and all of its processes live in namespaces that end with it.
 */
export class Machine implements AsyncDisposable {
  readonly #init: ChildProcess;
  readonly #uplink: ChildProcess;
  /** Process id of the first process in the machine's namespaces. */
  readonly #inside: number;
  readonly #directory: string;
  readonly #shells = new Set<ChildProcess>();
  #console = '';

  private constructor(init: ChildProcess, uplink: ChildProcess, inside: number, directory: string) {
    this.#init = init;
    this.#uplink = uplink;
    this.#inside = inside;
    this.#directory = directory;
    init.stdout
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#console = (this.#console + text).slice(-20_000)));
  }

  /** Resolves when commands can be given. @throws {Error} with the end of its console if it does not come up */
  static async start(options: MachineOptions): Promise<Machine> {
    const directory = mkdtempSync(join(tmpdir(), 'wharf-vm-'));
    const changes = options.changes ?? join(directory, 'changes');
    const kernel = [
      options.kernel,
      `ubd0=${changes},${options.image}`,
      'root=/dev/ubda',
      'rw',
      `mem=${options.memoryMiB}M`,
      'con=null',
      'con0=null,fd:1',
      'vec0:transport=tap,ifname=tap0,depth=128,gro=0',
      `uml_dir=${directory}`,
    ];
    // Should the next of these end in any way, so does the machine.
    const isolated = [
      '--net',
      '--pid',
      '--mount',
      '--mount-proc',
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
    ];
    const init = spawn(
      'setpriv',
      [...DIE_WITH_US, 'unshare', ...isolated, 'sh', join(HERE, 'in-namespaces.sh'), ...kernel],
      {
        // Its memory is a file there: one on a disk is slow.
        env: { ...process.env, TMPDIR: '/dev/shm' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    await once(init.stdout, 'data');
    const inside = childOf(init.pid ?? 0);
    const uplink = spawn(
      'setpriv',
      [...DIE_WITH_US, 'slirp4netns', '--configure', '--mtu=1500', String(inside), 'ext0'],
      { stdio: 'ignore' },
    );
    const machine = new Machine(init, uplink, inside, directory);
    try {
      await machine.#answers();
      return machine;
    } catch (e) {
      await machine.cut();
      throw e;
    }
  }

  /**
   * Runs a line of shell as root. Resolves when it has ended, in whatever way; 255: the connection broke. Then `stdout` is
   * what had arrived here.
   */
  async shell(command: string, options: ShellOptions = {}): Promise<ShellResult> {
    const ssh = ['ssh', '-q', '-i', KEY, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    const terminal = options.show && process.stdin.isTTY ? ['-t'] : [];
    const words = [
      ...ssh,
      '-o',
      `ConnectTimeout=${options.connectSeconds ?? 60}`,
      '-o',
      'ServerAliveInterval=5',
      '-o',
      'ServerAliveCountMax=20',
      ...terminal,
    ];
    const child = spawn('nsenter', ['-t', String(this.#inside), '-n', ...words, `root@${ADDRESS}`, command], {
      stdio: options.show ? 'inherit' : ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    this.#shells.add(child);
    const [code] = (await once(child, 'close')) as [number | null];
    this.#shells.delete(child);
    return { code: code ?? 255, stdout, stderr };
  }

  /** As `shell`, but a command that fails throws. Gives what it printed. */
  async must(command: string, options: ShellOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.shell(command, options);
    if (code !== 0) throw new Error(`in the machine: ${command}\nended with ${code}:\n${stdout}${stderr}`.trimEnd());
    return stdout;
  }

  /** Makes a directory of this machine readable there; what is written to it stays there. */
  async share(path: string, at: string): Promise<void> {
    const own = `/mnt/shared${at}`;
    await this.must(
      [
        `mkdir -p '${own}/of-host' '${own}/changes' '${own}/work' '${at}'`,
        `mount -t hostfs -o 'ro,${path}' none '${own}/of-host'`,
        `mount -t overlay -o 'lowerdir=${own}/of-host,upperdir=${own}/changes,workdir=${own}/work' overlay '${at}'`,
      ].join(' && '),
    );
  }

  /** Shuts down as an operator would. */
  async powerOff(): Promise<void> {
    const ended = once(this.#init, 'exit');
    await this.shell('systemctl poweroff');
    await ended;
    await this.cut();
  }

  /** The power fails: what the machine has not written to its disk is gone. */
  async cut(): Promise<void> {
    this.#uplink.kill('SIGKILL');
    for (const shell of this.#shells) shell.kill('SIGKILL');
    if (this.#init.exitCode === null && this.#init.signalCode === null) {
      const ended = once(this.#init, 'exit');
      // The first process of a process namespace takes all others with it.
      process.kill(this.#inside, 'SIGKILL');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  async #answers(): Promise<void> {
    for (const end = Date.now() + START_MS; Date.now() < end; await delay(500)) {
      if (this.#init.exitCode !== null || this.#init.signalCode !== null) break;
      const { code } = await this.shell('systemctl is-system-running --wait >/dev/null; true', { connectSeconds: 5 });
      if (code === 0) return;
    }
    throw new Error(`the machine does not answer; the end of its console:\n${this.#console.slice(-3000)}`);
  }
}

function childOf(pid: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`))
    .filter((name) => statOf(name)[1] === String(pid));
  const [child] = children;
  if (child === undefined) throw new Error('the machine ended at once');
  return Number(child);
}

/** Fields after the name: state, parent, ... */
function statOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
  } catch {
    return [];
  }
}
