import { posix } from 'node:path';
import { hostPlatform } from '../../core/platform.ts';
import type { BuildRequest } from '../contract.ts';
import type { Dockerfile, Instruction } from '../dockerfile/instructions.ts';
import { planBuild } from '../graph/plan.ts';
import { globalScope, platformArgs } from '../graph/variables.ts';
import { isGitSource } from '../solve/git-source.ts';

/**
 * The paths and patterns of the context that the stages a build needs can reach, so that a client sends no others.
 * @param mayTrigger whether an image may have instructions for those who build on it; asked of every base
 * @returns `undefined`: all of it, or it cannot be told before the build
 */
export function reachedPaths(
  file: Dockerfile,
  request: Pick<BuildRequest, 'target' | 'buildArgs' | 'platform'>,
  mayTrigger: (reference: string) => boolean,
): readonly string[] | undefined {
  const paths = new Set<string>();
  try {
    const given = { buildArgs: request.buildArgs, platform: platformArgs(hostPlatform(), hostPlatform(), '') };
    for (const { stage, base } of planBuild(file, request.target, globalScope(file, given), 0).stages) {
      if (base.kind === 'image' && mayTrigger(base.reference)) return undefined;
      for (const source of stage.steps.flatMap(sourcesOf)) {
        const path = source === undefined ? '' : posix.normalize(`/${source}`).slice(1).replace(/\/$/, '');
        if (path === '') return undefined;
        paths.add(path);
      }
    }
  } catch {
    return undefined; // the builder says what is wrong
  }
  return [...paths];
}

/** What a step takes from the context; `undefined`: what it is is not known yet. */
function sourcesOf(step: Instruction): (string | undefined)[] {
  switch (step.kind) {
    case 'onbuild':
      return [undefined];
    case 'run':
      return step.mounts.flatMap((mount) =>
        mount.type === 'bind' && mount.from === undefined ? [plain(mount.source)] : [],
      );
    case 'copy':
      if (step.from !== undefined) return [];
      // A client takes `**` for `*`.
      return step.sources.map((source) => (source.includes('**') ? undefined : plain(source)));
    case 'add':
      return step.sources.filter((source) => !isUrl(source)).map(plain);
    default:
      return [];
  }
}

/** Variables have their values only in the build, and a client may read what is escaped in another way. */
function plain(path: string): string | undefined {
  return /[$\\]/.test(path) ? undefined : path;
}

function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source) || isGitSource(source);
}
