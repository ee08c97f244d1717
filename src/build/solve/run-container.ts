import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { FrameParser, STREAM } from '../../core/frames.ts';
import { newId } from '../../core/ids.ts';
import type { Engine } from '../../engine/index.ts';
import type { MountInput, NamespaceInput } from '../../runtime/index.ts';
import { buildSpec, resolveUser } from '../../runtime/index.ts';
import type { BuildExits } from './exits.ts';
import type { CommandOutput } from './output.ts';

const SIGKILL = 9;
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export interface RunRequest {
  /** Begins with `build-`. */
  readonly id: string;
  readonly rootfs: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly mounts: readonly MountInput[];
  /** `default`, `none`, `host`, `container:ID` or a network's name. */
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface RunParts {
  readonly engine: Engine;
  readonly exits: BuildExits;
  readonly execRoot: string;
  readonly instance: string;
}

/**
 * Runs a command in a container of its own, which the engine does not list, and gives its exit code. Aborted or failed, it
 * leaves no process, namespace or file.
 * @throws {WharfError} `RUNTIME_FAILED`, `UNKNOWN_USER`; whatever the abort's reason is
 */
export async function runContainer(
  request: RunRequest,
  output: CommandOutput,
  parts: RunParts,
  signal: AbortSignal,
): Promise<number> {
  const { runtime } = parts.engine.parts;
  const { id } = request;
  await using undo = new AsyncDisposableStack();
  const bundleDir = join(parts.execRoot, 'build', id);
  await mkdir(bundleDir, { recursive: true, mode: 0o711 });
  undo.defer(() => rm(bundleDir, { recursive: true, force: true }));

  const hostname = request.networkMode === 'host' ? machineName() : id.slice(-32, -20);
  const { network, files } = await openNetwork(request, hostname, parts, undo);
  const etc: MountInput[] = [];
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(bundleDir, name), text, { mode: 0o644 });
    const [source, target] = [join(bundleDir, name), `/etc/${name}`];
    etc.push({ kind: 'bind', source, target, readOnly: false, recursive: true, propagation: 'rprivate' });
  }
  const spec = buildSpec({
    containerId: id,
    rootfs: request.rootfs,
    readonlyRootfs: false,
    args: request.argv,
    env: [`HOSTNAME=${hostname}`, ...request.env],
    cwd: request.cwd,
    user: resolveUser(request.rootfs, request.user, []),
    hostname,
    domainname: '',
    tty: false,
    mounts: [...etc, ...request.mounts],
    network,
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
    shmSizeBytes: request.shmSizeBytes ?? DEFAULT_SHM_BYTES,
    sysctls: {},
    ulimits: [],
    oomScoreAdj: 0,
    resources: { memoryBytes: request.memoryBytes },
    cgroupsPath: `/wharf-${parts.instance}/${id}`,
    annotations: {},
  });

  const expected = parts.exits.expect(id);
  undo.defer(() => expected.forget());
  const stream = await runtime.attach(id, { stdin: false, stdout: true, stderr: true, stream: true, tty: false });
  undo.defer(() => void stream.destroy());
  undo.defer(() => runtime.abandon(id));
  signal.throwIfAborted();
  const log = { path: null, maxSizeBytes: 0, maxFiles: 1 };
  await runtime.create({ id, bundleDir, spec, tty: false, openStdin: false, stdinOnce: false, log });
  let running = false;
  undo.defer(async () => {
    if (running) {
      await runtime.kill(id, SIGKILL, { all: true });
      await expected.exit;
    }
    await runtime.delete(id);
  });
  signal.throwIfAborted();
  running = true;
  await runtime.start(id);
  const ended = (async () => {
    const frames = new FrameParser();
    for await (const chunk of stream) {
      for (const { stream: from, payload } of frames.push(chunk as Buffer)) {
        output.write(from === STREAM.stderr ? 'stderr' : 'stdout', payload);
      }
    }
    output.end();
    return expected.exit;
  })();
  const exit = await abortable(ended, signal);
  running = false;
  return exit.code;
}

/** The network namespace of a step, and the files below /etc that depend on it. */
async function openNetwork(
  request: RunRequest,
  hostname: string,
  { engine }: RunParts,
  undo: AsyncDisposableStack,
): Promise<{ network: NamespaceInput; files: Readonly<Record<string, string>> }> {
  const { networks } = engine.parts;
  const { id, networkMode: mode } = request;
  const files = (own: string | undefined, resolv: string) => ({
    'resolv.conf': resolv,
    hostname: `${hostname}\n`,
    hosts: hostsText(request.extraHosts, own === undefined ? [] : [`${own}\t${hostname}`]),
  });
  if (mode === 'host') {
    return {
      network: 'host',
      files: {
        'resolv.conf': await readOr('/etc/resolv.conf', ''),
        hostname: `${hostname}\n`,
        hosts: (await readOr('/etc/hosts', '')) + extraLines(request.extraHosts).join(''),
      },
    };
  }
  const inherited = networks.resolvConf({ ownDns: false, servers: [], search: [], options: [] });
  if (mode.startsWith('container:')) {
    const target = await engine.containers.inspect(mode.slice('container:'.length), { size: false });
    return { network: { path: `/proc/${target.State.Pid}/ns/net` }, files: files(undefined, inherited) };
  }
  undo.defer(() => networks.closeSandbox(id));
  const sandbox = await networks.openSandbox({ containerId: id, dns: [] });
  if (mode === 'none') return { network: sandbox, files: files(undefined, inherited) };
  const isDefault = mode === 'default' || mode === '' || mode === 'bridge';
  const found = await engine.networks.inspect(isDefault ? 'bridge' : mode, { verbose: false });
  const endpoint = await networks.attach({
    containerId: id,
    endpointId: newId(),
    networkId: found.Id,
    names: [],
    gateway: true,
  });
  const resolv = networks.resolvConf({ ownDns: !isDefault, servers: [], search: [], options: [] });
  return { network: sandbox, files: files(endpoint.ipv4, resolv) };
}

function hostsText(extra: readonly string[], own: readonly string[]): string {
  const base = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  return [...base, ...own].map((line) => `${line}\n`).join('') + extraLines(extra).join('');
}

function extraLines(extra: readonly string[]): string[] {
  return extra.map((entry) => {
    const at = entry.search(/[:=]/);
    return `${entry.slice(at + 1)}\t${entry.slice(0, at)}\n`;
  });
}

async function readOr(path: string, otherwise: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/** The promise, or the abort's reason as soon as there is one. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
