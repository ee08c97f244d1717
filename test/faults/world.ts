import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instanceOf } from '../../src/bin/daemon/instance.ts';
import { importBusybox } from '../e2e/support/busybox.ts';
import { TestDaemon, wharfPath } from '../e2e/support/daemon.ts';
import { RegistryLab } from '../e2e/registry-lab.ts';
import { api } from '../e2e/support/http.ts';
import { Command, type Outcome } from './command.ts';
import { Upstream } from './upstream.ts';
import { Watcher } from './watcher.ts';

/** What a container that ends by itself must have done by then. */
export interface Job {
  readonly name: string;
  readonly lines: number;
  readonly code: number;
  readonly tty: boolean;
}

/** A container of the `on-failure` policy: runs once and `retries` times more. */
export interface Stubborn {
  readonly name: string;
  readonly retries: number;
  readonly code: number;
}

export interface Inspect {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly OOMKilled: boolean;
    readonly StartedAt: string;
  };
  readonly RestartCount: number;
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

const COMPOSE = `
services:
  db:
    image: busybox
    command: sh -c 'trap exit TERM; while :; do sleep 0.1; done'
    volumes: ["data:/data"]
  web:
    image: busybox
    command: sh -c 'trap exit TERM; while :; do sleep 0.1; done'
    depends_on: [db]
volumes:
  data:
`;

/** A private daemon, and what was promised to its clients so far. */
export class World {
  readonly directory: string;
  readonly daemon: TestDaemon;
  readonly jobs = new Map<string, Job>();
  readonly stubborn = new Map<string, Stubborn>();
  /** Tag and the text that a container of it prints. */
  readonly images = new Map<string, string>();
  readonly networks = new Set<string>();
  /** The containers that are there all the time, as they were last seen. */
  readonly residents = new Map<string, Inspect>();
  /** Those whose process a fault has killed. */
  readonly restarted = new Set<string>();
  /** What was looked at and will not change. */
  readonly verified = new Set<string>();
  /** Every bridge of this instance so far. */
  readonly bridges = new Set<string>();
  /** Names whose removal was acknowledged, and that were not made again. */
  readonly removed = new Set<string>();
  /** Numbers written to the volume, as far as acknowledged. */
  readonly written: number[] = [];
  /** Every number that may be in the volume. */
  readonly attempted = new Set<number>();
  projectBusy = false;
  pullBusy = false;
  project: 'up' | 'down' | 'unknown' = 'down';
  /** Lines of the counter's log that may be missing: what dies with a monitor in the very act of reading. */
  monitorDeaths = 0;
  /** How much the counter's log held when it was last looked at. */
  counterLength = 0;
  daemonDeaths = 0;
  /**
   * Daemon and monitor died at once in this round: then terminals hang up, and nobody can know how a process ended that did
   * so before the next were there, nor what it had said last.
   */
  blind = false;
  /** An OCI runtime was killed in this round: a restart that fails to start is not tried again, as with Docker. */
  startsFail = false;
  /** The name server of this host. */
  readonly upstream = new Upstream();
  readonly watcher: Watcher;
  readonly registry: RegistryLab;
  #names = 0;
  #isRegistryOpen = false;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'wharf-faults-'));
    const pool = 'base=10.212.0.0/16,size=24';
    const clock = new URL('jumping-clock.ts', import.meta.url).href;
    const variables = { NODE_OPTIONS: `--import=${clock}`, WHARF_FAULTS_CLOCK: this.daemonClock };
    this.daemon = new TestDaemon(this.directory, ['--default-address-pool', pool], variables);
    this.watcher = new Watcher(this.daemon.socket);
    this.registry = new RegistryLab(join(this.directory, 'registry'), {});
  }

  /** The file that says how many milliseconds the daemon's clock is off. */
  get daemonClock(): string {
    return join(this.directory, 'clock');
  }

  /** The mark of this daemon in the kernel. */
  get instance(): string {
    return instanceOf(this.daemon.dataRoot);
  }

  name(kind: string): string {
    return `${kind}-${++this.#names}`;
  }
  number(): number {
    return ++this.#names;
  }

  /** Starts the client with these words. */
  wharf(words: readonly string[], cwd?: string): Command {
    return new Command(wharfPath, words, { env: this.daemon.env, ...(cwd === undefined ? {} : { cwd }) });
  }

  /** Several commands of the client in a shell, where it is `$0`. */
  shell(script: string, words: readonly string[]): Command {
    return new Command('sh', ['-c', script, wharfPath, ...words], { env: this.daemon.env });
  }

  /** The same to its end. @throws {Error} unless it succeeds */
  async must(words: readonly string[]): Promise<Outcome> {
    const outcome = await this.wharf(words).done;
    if (outcome.code !== 0) throw new Error(`wharf ${words.join(' ')}: ${outcome.code} ${outcome.stderr}`);
    return outcome;
  }

  get projectDirectory(): string {
    return join(this.directory, 'project');
  }

  /** `kill -9` of the daemon. */
  async crash(): Promise<void> {
    this.daemonDeaths++;
    await this.daemon.crash();
  }

  inspect(name: string): Promise<Inspect> {
    return api(this.daemon.socket, 'GET', `/containers/${name}/json`) as Promise<Inspect>;
  }

  /** `undefined`: there is none. */
  async find(name: string): Promise<Inspect | undefined> {
    try {
      return await this.inspect(name);
    } catch (e) {
      if (e instanceof Error && e.message.includes(': 404 ')) return undefined;
      throw e;
    }
  }

  list(query = 'all=1'): Promise<readonly { Id: string; Names: string[]; State: string }[]> {
    return api(this.daemon.socket, 'GET', `/containers/json?${query}`) as Promise<
      readonly { Id: string; Names: string[]; State: string }[]
    >;
  }

  /** A build context of its own. @param bulk how many layers of 500 kB that do not compress come with it */
  context(text: string, marker: string, bulk = 0): string {
    const directory = join(this.directory, `context-${randomUUID()}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'text'), text);
    const steps = [
      `COPY text /text`,
      `RUN : ${marker}; sleep 0.3; cat /text > /out`,
      `RUN : ${marker}; cat /out >> /twice`,
      ...Array.from({ length: bulk }, (_, i) => `RUN dd if=/dev/urandom of=/bulk${i} bs=50k count=10 2>/dev/null`),
    ];
    writeFileSync(join(directory, 'Dockerfile'), ['FROM busybox', ...steps, 'CMD ["cat", "/out"]', ''].join('\n'));
    return directory;
  }

  /** The daemon, the image, and the containers that are there all the time. */
  async open(): Promise<void> {
    await this.upstream.open();
    await this.daemon.start();
    await importBusybox(this.daemon.socket);
    mkdirSync(this.projectDirectory);
    writeFileSync(join(this.projectDirectory, 'compose.yaml'), COMPOSE);
    await this.#fillRegistry();
    await this.must(['network', 'create', 'lasting']);
    await this.must(['volume', 'create', 'kept']);
    const resident = ['run', '-d', '--network', 'lasting', '--restart', 'unless-stopped'];
    const counter = 'i=0; while :; do i=$((i+1)); echo line $i; usleep 5000; done';
    await this.must([...resident, '--name', 'counter', 'busybox', 'sh', '-c', counter]);
    const web = 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www';
    await this.must([...resident, '--name', 'web', '-p', '127.0.0.1::80', 'busybox', 'sh', '-c', web]);
    await this.must([...resident, '--name', 'typist', '-it', 'busybox', 'sh']);
    await this.watcher.catchUp();
  }

  /** Lets go of all that is the harness's own. */
  async close(): Promise<void> {
    this.watcher.close();
    this.upstream.close();
    if (this.#isRegistryOpen) await this.registry.stop();
  }

  /** The image that is only in the registry. */
  get pulled(): string {
    return `${this.registry.host}/faults/pulled:1`;
  }

  async #fillRegistry(): Promise<void> {
    await this.registry.start();
    this.#isRegistryOpen = true;
    const context = this.context('pulled', 'make', 3);
    await this.must(['build', '-q', '-t', this.pulled, context]);
    rmSync(context, { recursive: true });
    await this.must(['push', '-q', this.pulled]);
    await this.must(['rmi', this.pulled]);
    await this.must(['builder', 'prune', '-af']);
  }
}
