import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { rootOf } from '../../core/id-map.ts';
import { FrameParser, STREAM } from '../../core/frames.ts';
import type { Engine } from '../../engine/index.ts';
import type { MountInput } from '../../runtime/index.ts';
import { buildSpec, resolveUser } from '../../runtime/index.ts';
import type { RunLimits } from '../contract.ts';
import type { BuildNetworks, CommandNetwork } from './build-networks.ts';
import type { BuildExits } from './exits.ts';
import type { CommandOutput } from './output.ts';

const SIGKILL = 9;
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export interface RunRequest {
  /** Begins with `build-`; also the key of the snapshot that it runs in. */
  readonly id: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly mounts: readonly MountInput[];
  /** `default`, `none`, `host`, `container:ID` or a network's name. */
  readonly networkMode: string;
  /** `undefined`: a name of its own, which is told in `HOSTNAME` and /etc/hostname. */
  readonly hostname: string | undefined;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number | undefined;
  readonly limits: RunLimits | undefined;
}

export interface RunParts {
  readonly engine: Engine;
  readonly exits: BuildExits;
  readonly execRoot: string;
  readonly instance: string;
}

/** What commands of one build share. */
export interface RunSurroundings {
  readonly networks: BuildNetworks;
  /** Another command with such a network is expected next. */
  readonly moreToCome: boolean;
  /** Takes work that must be done before the build ends. */
  later(work: () => Promise<void>): void;
}

/**
 * Runs a command in a container of its own, which the engine does not list, and gives its exit code. Nothing runs in it any more then;
 * namespaces and files go `later`. Aborted or failed, it leaves nothing.
 * @throws {WharfError} `RUNTIME_FAILED`, `UNKNOWN_USER`; whatever the abort's reason is
 */
export async function runContainer(
  request: RunRequest,
  output: CommandOutput,
  parts: RunParts,
  around: RunSurroundings,
  signal: AbortSignal,
): Promise<number> {
  const { runtime, storage, idMaps, cgroupParent } = parts.engine.parts;
  const { id, limits } = request;
  const parent = (limits?.cgroupParent || cgroupParent()).replace(/^\/+/, '');
  await using undo = new AsyncDisposableStack();
  const bundleDir = join(parts.execRoot, 'build', id);
  await mkdir(bundleDir, { recursive: true, mode: 0o711 });
  undo.defer(() => rm(bundleDir, { recursive: true, force: true }));

  const isNamed = request.hostname !== undefined && request.networkMode !== 'host';
  const hostname = request.networkMode === 'host' ? machineName() : (request.hostname ?? id.slice(-32, -20));
  const network = await around.networks.take(request.networkMode);
  undo.defer(() => network.close());
  const { userNamespace } = network;
  const mapped = userNamespace !== undefined;
  const rootfs = await storage.snapshots.mount(id, { mapped });
  const { hostname: nameFile, ...others } = filesOf(request, hostname, network, parts.engine.parts.hostGateways());
  const files = isNamed ? others : { hostname: nameFile, ...others };
  const etc: MountInput[] = [];
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(bundleDir, name), text, { mode: 0o644 });
    if (idMaps !== undefined) await chown(join(bundleDir, name), rootOf(idMaps).uid, rootOf(idMaps).gid);
    const [source, target] = [join(bundleDir, name), `/etc/${name}`];
    etc.push({ kind: 'bind', source, target, readOnly: false, recursive: true, propagation: 'rprivate' });
  }
  const spec = buildSpec({
    containerId: id,
    rootfs,
    readonlyRootfs: false,
    args: request.argv,
    env: isNamed ? request.env : [`HOSTNAME=${hostname}`, ...request.env],
    cwd: request.cwd,
    user: resolveUser(rootfs, request.user, []),
    hostname,
    domainname: '',
    tty: false,
    mounts: [...etc, ...request.mounts],
    network: network.namespace,
    ipc: 'own',
    pid: 'own',
    userNamespace,
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
    ulimits: (limits?.ulimits ?? []).map((u) => ({ name: u.Name, soft: u.Soft, hard: u.Hard })),
    oomScoreAdj: 0,
    resources: limits?.resources ?? {},
    cgroupsPath: `/${parent}/${id}`,
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
  if (around.moreToCome) around.networks.prepare(request.networkMode);
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
  // It has ended, and nothing of it is in the way of what comes next: that need not wait until all is cleared away.
  const rest = undo.move();
  around.later(() => rest.disposeAsync());
  return exit.code;
}

/** The files below /etc that say who and where the command is. */
function filesOf(
  { extraHosts }: RunRequest,
  hostname: string,
  { address, resolvConf, hosts }: CommandNetwork,
  gateways: readonly string[],
): Readonly<Record<'resolv.conf' | 'hostname' | 'hosts', string>> {
  const extra = extraLines(extraHosts, gateways);
  return {
    'resolv.conf': resolvConf,
    hostname: `${hostname}\n`,
    hosts:
      hosts === undefined
        ? hostsText(address === undefined ? [] : [`${address}\t${hostname}`], extra)
        : hosts + extra.join(''),
  };
}

function hostsText(own: readonly string[], extra: readonly string[]): string {
  const base = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  return [...base, ...own].map((line) => `${line}\n`).join('') + extra.join('');
}

function extraLines(extra: readonly string[], gateways: readonly string[]): string[] {
  return extra.flatMap((entry) => {
    const at = entry.search(/[:=]/);
    const address = entry.slice(at + 1);
    return (address === 'host-gateway' ? gateways : [address]).map((one) => `${one}\t${entry.slice(0, at)}\n`);
  });
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
