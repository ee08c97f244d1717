import { mkdtemp } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { MountInput } from '../../runtime/index.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import type { RunMount } from '../dockerfile/run-mount.ts';
import { stepFailed } from '../errors.ts';
import { expandWord } from '../expand/expand.ts';
import type { Lookup } from '../expand/expand.ts';
import { TreeCopier } from '../files/copy-tree.ts';
import { clamp, resolveInRoot, statOf } from '../files/in-root.ts';
import { resolveSource } from '../graph/plan.ts';
import type { Lane } from './output.ts';
import type { Session } from './session.ts';

/** A `RUN --mount` with its words expanded and its source found. */
export interface FoundMount {
  readonly mount: RunMount;
  readonly target: string;
  /** Bind: where its files are on this host. */
  readonly path: string;
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
  const found: FoundMount[] = [];
  for (const mount of step.mounts) {
    const target = posix.resolve(at.workdir, expand(mount.target));
    if (mount.type === 'tmpfs') {
      found.push({ mount, target, path: '', key: ['tmpfs', target, mount.sizeBytes] });
    } else if (mount.type === 'cache') {
      found.push({ mount, target, path: '', key: ['cache', target, mount.readOnly] });
    } else {
      const source =
        mount.from === undefined ? undefined : resolveSource(session.file, at.stageIndex, mount.from, step);
      const tree = source === undefined ? undefined : await session.tree(source, step, lane);
      const digests = tree?.digests ?? session.context.digests;
      const written = expand(mount.source);
      const inside = resolveInRoot(digests.root, clamp(written));
      const path = join(digests.root, inside);
      if (statOf(path) === undefined) {
        throw stepFailed({ message: `failed to mount ${written} at ${target}: file does not exist` });
      }
      const content = tree === undefined ? await digests.of(inside) : [tree.top, inside];
      found.push({ mount, target, path, key: ['bind', target, mount.readOnly, content] });
    }
  }
  return found;
}

/** Makes the mounts ready for one run; `undo` gives back what that took. Writes to a bind are dropped afterwards. */
export async function prepareMounts(
  found: readonly FoundMount[],
  session: Session,
  undo: AsyncDisposableStack,
): Promise<MountInput[]> {
  const inputs: MountInput[] = [];
  for (const { mount, target, path } of found) {
    if (mount.type === 'tmpfs') {
      const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
      inputs.push({ kind: 'tmpfs', target, options: ['nosuid', 'nodev', ...size] });
      continue;
    }
    let source = path;
    if (mount.type === 'cache') {
      if (mount.sharing !== 'shared') undo.use(await session.cacheMounts.lock(mount.id));
      source = await session.cacheMounts.open(mount.id, mount);
    } else if (!mount.readOnly) {
      source = join(await mkdtemp(join(await session.scratchDirectory(), 'mount-')), 'files');
      const options = { owner: undefined, mode: undefined, excludes: () => false, signal: session.signal };
      await new TreeCopier(options).copy(path, source, target);
    }
    inputs.push({ kind: 'bind', source, target, readOnly: mount.readOnly, recursive: false, propagation: 'rprivate' });
  }
  return inputs;
}
