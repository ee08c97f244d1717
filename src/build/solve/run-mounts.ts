import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { toHost } from '../../core/id-map.ts';
import type { MountInput } from '../../runtime/index.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { parseRunMount, type RunMount } from '../dockerfile/run-mount.ts';
import { Malformed } from '../dockerfile/words.ts';
import { stepFailed } from '../errors.ts';
import { expandWord } from '../expand/expand.ts';
import type { Lookup } from '../expand/expand.ts';
import { TreeCopier } from '../files/copy-tree.ts';
import type { FileTree } from '../files/file-tree.ts';
import { clamp } from '../files/in-root.ts';
import { resolveSource } from '../graph/plan.ts';
import type { Lane } from './output.ts';
import { missingSource } from './missing-source.ts';
import type { Session, SourceTree } from './session.ts';
import { relaySocket, type SocketOwner } from './socket-relay.ts';

/** A source that has been opened. */
type OpenTree = Omit<SourceTree, 'files'> & { readonly files: FileTree };

/** A `RUN --mount` with its words expanded and its source found. */
export interface FoundMount {
  readonly mount: RunMount;
  readonly target: string;
  /** Where it is on this host, if that is known already. */
  readonly path: string;
  /** Bind, cache: the files to show, or to begin with. */
  readonly files?: { readonly tree: Pick<OpenTree, 'files' | 'image'>; readonly inside: string } | undefined;
  /** Of secrets. */
  readonly value?: Uint8Array | undefined;
  /** What of it decides the result of the command. */
  readonly key: readonly unknown[];
}

/** @throws {WharfError} `BUILD_STEP_FAILED` if a source is not there */
export async function findMounts(
  step: Instruction<'run'>,
  at: { readonly stageIndex: number; readonly workdir: string; readonly lookup: Lookup },
  session: Session,
  lane: Lane,
): Promise<FoundMount[]> {
  const expand = (word: string) => expandWord(word, at.lookup, session.file.escape);
  const { ask } = session.request.extras ?? {};
  const found: FoundMount[] = [];
  for (const { text } of step.mounts) {
    const mount = read(text, expand);
    const target = mount.target === undefined ? '' : posix.resolve(at.workdir, mount.target);
    if (target === '/') throw stepFailed({ message: 'invalid mount target "/"' });
    if (mount.type === 'secret') {
      const { id } = mount;
      const value = session.secrets[id] ?? (await ask?.secret(id));
      if (mount.required && value === undefined) {
        const message = `secret ${id}: not found: ${howToGive(session, `--secret id=${id},src=FILE`, 'send secrets')}`;
        throw stepFailed({ message });
      }
      found.push({ mount, target, path: '', value, key: ['secret', target, mount.env, id] });
    } else if (mount.type === 'ssh') {
      const socket = session.request.extras?.sshSockets?.[mount.id] ?? (await ask?.agent(mount.id));
      if (mount.required && socket === undefined) {
        const how = howToGive(session, `--ssh ${mount.id}`, 'forward agents');
        throw stepFailed({ message: `unset ssh forward key ${mount.id}: ${how}` });
      }
      const place = target || `/run/buildkit/ssh_agent.${found.filter((f) => f.mount.type === 'ssh').length}`;
      found.push({ mount, target: place, path: socket ?? '', key: ['ssh', place] });
    } else if (mount.type === 'tmpfs') {
      found.push({ mount, target, path: '', key: ['tmpfs', target, mount.sizeBytes] });
    } else if (mount.type === 'cache') {
      const start =
        mount.from === undefined
          ? undefined
          : resolveSource(session.file, at.stageIndex, mount.from, step, session.contexts);
      const tree = start === undefined ? undefined : await opened(await session.tree(start, step, lane));
      const files = tree === undefined ? undefined : { tree, inside: tree.files.resolve(clamp(mount.source)) };
      found.push({ mount, target, path: '', files, key: ['cache', target, mount.readOnly] });
    } else {
      const source =
        mount.from === undefined
          ? undefined
          : resolveSource(session.file, at.stageIndex, mount.from, step, session.contexts);
      const tree = source === undefined ? undefined : await opened(await session.tree(source, step, lane));
      const from = tree ?? { files: session.context.files, image: false, top: null };
      const written = mount.source;
      const inside = from.files.resolve(clamp(written));
      if (from.files.stat(inside) === undefined) {
        const where = { tree: from.files, isContext: tree === undefined };
        throw await missingSource(
          written,
          where,
          session,
          `failed to mount ${written} at ${target}: file does not exist`,
        );
      }
      const content = from.image ? [from.top, inside] : await from.files.of(inside);
      const files = { tree: from, inside };
      found.push({ mount, target, path: '', files, key: ['bind', target, mount.readOnly, content] });
    }
  }
  return found;
}

/** The mount with its variables' values. @throws {WharfError} `BUILD_STEP_FAILED` */
function read(text: string, expand: (word: string) => string): RunMount {
  try {
    return parseRunMount(text, expand);
  } catch (e) {
    if (e instanceof Malformed) throw stepFailed({ message: e.message }, { cause: e });
    throw e;
  }
}

function howToGive({ style }: Session, flag: string, what: string): string {
  const classic = style === 'classic' ? ` (a classic build of the docker CLI cannot ${what})` : '';
  return `give it with ${flag}${classic}`;
}

async function opened(tree: SourceTree): Promise<OpenTree> {
  return { top: tree.top, image: tree.image, files: await tree.files() };
}

/**
 * Makes the mounts ready for one run; `undo` gives back what that took. Writes to a bind are dropped afterwards.
 * @returns the mounts, and variables of the command
 */
export async function prepareMounts(
  found: readonly FoundMount[],
  session: Session,
  undo: AsyncDisposableStack,
): Promise<{ readonly inputs: MountInput[]; readonly env: readonly string[] }> {
  const inputs: MountInput[] = [];
  const env: string[] = [];
  const copy = async ({ tree, inside }: NonNullable<FoundMount['files']>, to: string, shown: string) => {
    const owner = tree.image ? undefined : { uid: 0, gid: 0 };
    const entries = await tree.files.entries(inside);
    await new TreeCopier({ owner, mode: undefined, signal: session.signal }).copy(tree.files, entries, to, shown);
  };
  const bind = (source: string, target: string, readOnly: boolean): void => {
    inputs.push({ kind: 'bind', source, target, readOnly, recursive: false, propagation: 'rprivate' });
  };
  const { storage, idMaps } = session.parts.engine.parts;
  /** As the container sees it, whose users may be mapped. */
  const seen = (root: string, inside: string): string =>
    storage.holdMapped === undefined ? join(root, inside) : undo.use(storage.holdMapped(root, inside || '.')).path;
  for (const { mount, target, path, files, value } of found) {
    switch (mount.type) {
      case 'tmpfs': {
        const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
        inputs.push({ kind: 'tmpfs', target, options: ['nosuid', 'nodev', ...size] });
        break;
      }
      case 'secret': {
        if (value === undefined) break;
        if (mount.env !== undefined) env.push(`${mount.env}=${Buffer.from(value).toString('utf8')}`);
        if (target !== '') bind(await secretFile(value, mount, session, undo), target, true);
        break;
      }
      case 'ssh':
        if (path === '') break;
        bind(await agentSocket(path, mount, session, undo), target, false);
        env.push(`SSH_AUTH_SOCK=${target}`);
        break;
      case 'cache': {
        if (mount.sharing !== 'shared') undo.use(await session.cacheMounts.lock(mount.id));
        const fill = files === undefined ? undefined : (to: string) => copy(files, to, target);
        bind(seen(await session.cacheMounts.open(mount.id, mount, fill), '.'), target, mount.readOnly);
        break;
      }
      case 'bind': {
        if (files === undefined) break;
        const { tree, inside } = files;
        let [root, part] = [tree.files.root, inside];
        // Files of an image are seen through an overlay, which cannot be mounted with mapped IDs.
        if (!mount.readOnly || tree.files.differs || (idMaps !== undefined && tree.image)) {
          [root, part] = [await mkdtemp(join(await session.scratchDirectory(), 'mount-')), 'files'];
          await copy(files, join(root, part), target);
        }
        bind(seen(root, part), target, mount.readOnly);
        break;
      }
    }
  }
  return { inputs, env };
}

/** The socket of an SSH agent, as somebody in the container may open it. */
async function agentSocket(
  path: string,
  { mode, uid, gid }: SocketOwner,
  session: Session,
  undo: AsyncDisposableStack,
): Promise<string> {
  const { idMaps } = session.parts.engine.parts;
  if (mode === 0o600 && uid === 0 && gid === 0 && idMaps === undefined) return path;
  const directory = await mkdtemp(join(tmpdir(), 'wharf-agent-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const owner = idMaps && { uid: toHost(idMaps.uids, uid), gid: toHost(idMaps.gids, gid) };
  const relay = join(directory, 'agent');
  undo.use(await relaySocket(path, relay, { mode, uid: owner?.uid ?? uid, gid: owner?.gid ?? gid }));
  return relay;
}

/** A secret as a file, below the run directory: that is in memory where the system keeps /run there. */
async function secretFile(
  value: Uint8Array,
  made: { readonly mode: number; readonly uid: number; readonly gid: number },
  session: Session,
  undo: AsyncDisposableStack,
): Promise<string> {
  const parent = join(session.parts.execRoot, 'build');
  await mkdir(parent, { recursive: true, mode: 0o711 });
  const directory = await mkdtemp(join(parent, 'secret-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'value');
  await writeFile(path, value, { mode: 0o600 });
  const { idMaps } = session.parts.engine.parts;
  const owner = idMaps && { uid: toHost(idMaps.uids, made.uid), gid: toHost(idMaps.gids, made.gid) };
  await chown(path, owner?.uid ?? made.uid, owner?.gid ?? made.gid);
  await chmod(path, made.mode);
  return path;
}
