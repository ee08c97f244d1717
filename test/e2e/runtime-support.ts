import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { FrameParser } from '../../src/core/frames.ts';
import { newId } from '../../src/core/ids.ts';
import { silentLogger } from '../../src/core/log.ts';
import { detectCgroups } from '../../src/linux/index.ts';
import {
  buildSpec,
  type CreateContainer,
  type ExitRecord,
  openRuntime,
  resolveUser,
  type Runtime,
  type RuntimeOptions,
  type SpecInput,
} from '../../src/runtime/index.ts';

const BUSYBOX = '/bin/busybox';

/** A runtime of a test's own: own roots, own cgroup, own monitor, a root file system of busybox. */
export class RuntimeBench implements AsyncDisposable {
  readonly directory: string;
  readonly options: RuntimeOptions;
  runtime!: Runtime;
  readonly #exits = new Map<string, PromiseWithResolvers<ExitRecord>>();
  readonly #created = new Set<string>();

  constructor(directory: string = mkdtempSync(join(tmpdir(), 'wharf-runtime-'))) {
    this.directory = directory;
    this.options = runtimeOptions(directory);
  }

  static async open(): Promise<RuntimeBench> {
    const bench = new RuntimeBench();
    makeRootfs(bench.rootfs);
    await bench.connect();
    return bench;
  }

  get rootfs(): string {
    return join(this.directory, 'rootfs');
  }

  async connect(): Promise<void> {
    this.runtime = await openRuntime(this.options);
    this.runtime.onExit((exit) => {
      this.#exit(exit.containerId, exit.execId).resolve(exit);
      void this.runtime.ackExit(exit);
    });
  }

  /** The end of a container or exec, whether it has come already or not. */
  exited(containerId: string, execId?: string): Promise<ExitRecord> {
    return this.#exit(containerId, execId).promise;
  }

  spec(id: string, args: readonly string[], more: Partial<SpecInput> = {}) {
    return containerSpec(this.directory, id, args, more);
  }

  request(args: readonly string[], more: BenchRequest = {}): CreateContainer {
    const id = more.id ?? newId();
    const bundleDir = join(this.directory, 'bundles', id);
    mkdirSync(bundleDir, { recursive: true });
    this.#created.add(id);
    const tty = more.tty ?? false;
    return {
      id,
      bundleDir,
      spec: this.spec(id, args, { ...more.spec, tty }),
      tty,
      consoleSize: more.consoleSize,
      openStdin: more.openStdin ?? false,
      stdinOnce: true,
      log: { path: join(bundleDir, 'json.log'), maxSizeBytes: 0, maxFiles: 1, ...more.log },
    };
  }

  /** Creates and starts. */
  async start(args: readonly string[], more: BenchRequest = {}): Promise<CreateContainer> {
    const request = this.request(args, more);
    await this.runtime.create(request);
    await this.runtime.start(request.id);
    return request;
  }

  /** To the end, with everything it wrote. */
  async run(args: readonly string[], more: BenchRequest & { readonly stdin?: string } = {}) {
    const request = this.request(args, { openStdin: more.stdin !== undefined, ...more });
    const stdio = await this.runtime.attach(request.id, {
      stdin: more.stdin !== undefined,
      stdout: true,
      stderr: true,
      tty: request.tty,
    });
    const output = bytesOf(stdio);
    if (more.stdin !== undefined) stdio.end(more.stdin);
    await this.runtime.create(request);
    await this.runtime.start(request.id);
    const exit = await this.exited(request.id);
    const bytes = await output;
    return { ...exit, ...split(bytes, request.tty), request };
  }

  log(request: CreateContainer, query: Partial<Parameters<Runtime['readLogs']>[2]> = {}): Readable {
    const all = { stdout: true, stderr: true, follow: false, timestamps: false, tty: true, ...query };
    return this.runtime.readLogs(request.id, request.log.path ?? '', all, new AbortController().signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#created) await this.runtime.delete(id);
    await this.runtime.stopMonitor();
    await this.runtime[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #exit(containerId: string, execId: string | undefined): PromiseWithResolvers<ExitRecord> {
    const key = `${containerId}/${execId ?? ''}`;
    const found = this.#exits.get(key) ?? Promise.withResolvers<ExitRecord>();
    this.#exits.set(key, found);
    return found;
  }
}

interface BenchRequest {
  readonly id?: string;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number };
  readonly spec?: Partial<SpecInput>;
  readonly log?: Partial<CreateContainer['log']>;
}

export function runtimeOptions(directory: string): RuntimeOptions {
  const monitor = fileURLToPath(new URL('../../src/bin/wharf-monitor.ts', import.meta.url));
  return {
    execRoot: join(directory, 'exec'),
    dataRoot: join(directory, 'data'),
    monitorCommand: [process.execPath, '--disable-warning=ExperimentalWarning', monitor],
    defaultRuntime: undefined,
    runtimes: {},
    cgroupParent: cgroupParent(directory),
    log: silentLogger,
  };
}

function cgroupParent(directory: string): string {
  return `/wharf-test-${directory.slice(-6)}`;
}

export function containerSpec(directory: string, id: string, args: readonly string[], more: Partial<SpecInput> = {}) {
  const rootfs = join(directory, 'rootfs');
  return buildSpec({
    containerId: id,
    rootfs,
    readonlyRootfs: false,
    args,
    env: ['PATH=/bin'],
    cwd: '/',
    user: resolveUser(rootfs, '', []),
    hostname: id.slice(0, 12),
    domainname: '',
    tty: false,
    mounts: [],
    network: 'own',
    ipc: 'own',
    pid: 'own',
    uts: 'own',
    cgroupns: undefined,
    privileged: false,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: false,
    seccomp: 'default',
    maskedPaths: undefined,
    readonlyPaths: undefined,
    devices: [],
    deviceCgroupRules: [],
    shmSizeBytes: 64 * 1024 * 1024,
    sysctls: {},
    ulimits: [],
    oomScoreAdj: 0,
    resources: {},
    cgroupsPath: `${cgroupParent(directory)}/${id}`,
    annotations: {},
    ...more,
  });
}

export function makeRootfs(rootfs: string): void {
  for (const dir of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, dir), { recursive: true });
  copyFileSync(BUSYBOX, join(rootfs, 'bin/busybox'));
  for (const applet of execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).split('\n')) {
    if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet));
  }
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n');
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n');
}

export async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The two streams out of frames; a terminal has one. */
export function split(bytes: Buffer, tty: boolean): { stdout: string; stderr: string } {
  if (tty) return { stdout: bytes.toString(), stderr: '' };
  const streams: [Buffer[], Buffer[], Buffer[], Buffer[]] = [[], [], [], []];
  for (const { stream, payload } of new FrameParser().push(bytes)) streams[stream].push(Buffer.from(payload));
  return { stdout: Buffer.concat(streams[1]).toString(), stderr: Buffer.concat(streams[2]).toString() };
}

/** Resolves when the text has come; gives all that has come so far. */
export async function until(stream: Readable, text: string): Promise<string> {
  let seen = '';
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (!seen.includes(text)) return;
      stream.off('data', take);
      resolve(seen);
    };
    stream.on('data', take).once('end', () => reject(new Error(`ended without "${text}": ${seen}`)));
  });
}

/** Processes of this test's monitor, by the exec root in their command line. */
export function monitorsOf(directory: string): number[] {
  return processesNaming(`${directory}/exec`).filter((pid) => commandOf(pid).includes('wharf-monitor'));
}

/** What a bench at `directory` has left in the kernel or on the disk; counts only what carries its name. */
export function leftovers(directory: string): string[] {
  const found = processesNaming(directory).map((pid) => `process ${pid}: ${commandOf(pid)}`);
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    if (line.includes(directory)) found.push(`mount ${line}`);
  }
  for (const hierarchy of detectCgroups().mounts.values()) {
    for (const name of readdirSync(hierarchy)) {
      if (name.startsWith(cgroupParent(directory).slice(1))) found.push(`cgroup ${hierarchy}/${name}`);
    }
  }
  if (existsSync(directory)) found.push(directory);
  return found;
}

function processesNaming(text: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => pid !== process.pid && commandOf(pid).includes(text));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
