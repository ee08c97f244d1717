import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { importBusybox } from '../../e2e/support/busybox.ts';
import { TestDaemon, wharfPath } from '../../e2e/support/daemon.ts';
import type { Random } from '../random.ts';
import { instanceOf } from '../../../src/bin/daemon/instance.ts';
import { Command, type Outcome } from '../command.ts';
import { kill9, processesWith } from '../processes.ts';
import { Disk } from './disk.ts';

/** A scenario tells what was promised and is not so. Nothing: all is well. */
export type Scenario = (random: Random, rounds: number) => Promise<string[]>;

/** A daemon whose data root is on a disk of its own, and a registry beside it that is not. */
export class StorageLab implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'wharf-faults-'));
  readonly disk: Disk;
  readonly daemon: TestDaemon;
  readonly broken: string[] = [];
  #registry: ChildProcess | undefined;
  host = '';

  constructor(disk: { readonly megabytes: number; readonly inodes?: number }) {
    this.disk = new Disk(this.directory, disk);
    this.daemon = new TestDaemon(this.directory, ['--default-address-pool', 'base=10.216.0.0/16,size=24']);
  }

  /** The daemon with busybox, and an image in the registry that is not here. */
  async open(): Promise<void> {
    this.disk.mount();
    await this.daemon.start();
    await importBusybox(this.daemon.socket);
    await this.#openRegistry();
    await this.must('build', '-q', '-t', this.pulled, this.context('pulled', 30));
    await this.must('push', '-q', this.pulled);
    await this.must('rmi', this.pulled);
    await this.must('builder', 'prune', '-af');
  }

  /** Name of the image in the registry: 30 MB that do not compress, 2,000 small files. */
  get pulled(): string {
    return `${this.host}/lab/pulled:1`;
  }

  /** A build context of so many random megabytes. */
  context(name: string, megabytes: number): string {
    const directory = join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    const files = `mkdir /small; for i in $(seq 2000); do echo $i > /small/$i; done`;
    const steps = ['FROM busybox', `RUN dd if=/dev/urandom of=/big bs=1M count=${megabytes} 2>/dev/null; ${files}`];
    writeFileSync(join(directory, 'Dockerfile'), [...steps, 'CMD ["cat", "/small/7"]', ''].join('\n'));
    return directory;
  }

  wharf(...words: string[]): Promise<Outcome> {
    return new Command(wharfPath, words, { env: this.daemon.env }).done;
  }

  async must(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.wharf(...words);
    if (code !== 0) throw new Error(`"wharf ${words.join(' ')}" ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** Something that was promised is not so. */
  fail(what: string): void {
    console.log(`      BROKEN ${what}`);
    this.broken.push(what);
  }

  /** As `must`, but a failure is a broken promise. */
  async expect(...words: string[]): Promise<string> {
    try {
      return await this.must(...words);
    } catch (e) {
      this.fail(e instanceof Error ? e.message : String(e));
      return '';
    }
  }

  /** It must fail, and tell why in one line (after what a build shows of its steps). */
  async refused(why: RegExp, ...words: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.wharf(...words);
    const said = `${stdout}${stderr}`.trim();
    if (code === 0) this.fail(`"wharf ${words.join(' ')}" went well`);
    else if (!why.test(said) || /\n\s+at /.test(said)) this.fail(`"wharf ${words.join(' ')}" said: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.stop();
    this.killAll();
    const registry = this.#registry;
    if (registry !== undefined && registry.exitCode === null) {
      const ended = once(registry, 'exit');
      registry.kill('SIGTERM');
      await ended;
    }
    this.disk[Symbol.dispose]();
  }

  /** Ends all that the daemon has left running and in the kernel, as the end of the machine would. */
  killAll(): void {
    for (const pid of processesWith('wharf-monitor', this.daemon.execRoot)) kill9(pid);
    const instance = instanceOf(this.daemon.dataRoot);
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && read(`/proc/${name}/cgroup`).includes(`/wharf-${instance}`)) kill9(Number(name));
    }
    for (const link of readdirSync('/sys/class/net')) {
      if (read(`/sys/class/net/${link}/ifalias`).includes(instance)) spawnSync('ip', ['link', 'delete', link]);
    }
    for (const family of ['ip', 'ip6']) spawnSync('nft', ['delete', 'table', family, `wharf_${instance}`]);
  }

  async #openRegistry(): Promise<void> {
    const args = ['registry', 'serve', '--data', join(this.directory, 'registry'), '--listen', '127.0.0.1:0'];
    const child = spawn(wharfPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#registry = child;
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    this.host = /http:\/\/(\S+)/.exec(line)?.[1] ?? '';
  }
}

/** Empty if it is not there any more. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Runs `body` in a lab; removes every container first, so that the disk can be unmounted. */
export async function inLab(
  disk: { readonly megabytes: number; readonly inodes?: number },
  body: (lab: StorageLab) => Promise<void>,
): Promise<string[]> {
  await using lab = new StorageLab(disk);
  try {
    await lab.open();
    await body(lab);
    const all = (await lab.expect('ps', '-aq')).split('\n').filter(Boolean);
    if (all.length > 0) await lab.expect('rm', '-f', ...all);
  } catch (e) {
    lab.fail(e instanceof Error ? e.message : String(e));
  }
  if (lab.broken.length > 0)
    console.log(`--- the daemon's last words ---\n${lab.daemon.log.split('\n').slice(-25).join('\n')}`);
  return lab.broken;
}
