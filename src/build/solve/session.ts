import type { ChainId } from '../../core/digest.ts';
import type { Position } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Platform } from '../../core/platform.ts';
import type { Image } from '../../engine/index.ts';
import type { StepOutcome } from '../remote-cache/export.ts';
import type { RemoteLayers } from './remote-layers.ts';
import type { BuildContext } from '../context/open-context.ts';
import type { BuildCache } from '../cache/cache.ts';
import type { StepMemory } from '../cache/ingredients.ts';
import type { BuildRequest, BuildStyle } from '../contract.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instructions.ts';
import type { FileTree } from '../files/file-tree.ts';
import type { BuildPlan, NamedContexts, Source } from '../graph/plan.ts';
import type { GivenArgs } from '../graph/variables.ts';
import type { BuildNetworks } from './build-networks.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { StackHold } from './hold.ts';
import type { Lane } from './output.ts';
import type { Reporter } from './reporter.ts';
import type { RunParts } from './run-container.ts';
import type { StageState } from './state.ts';

/** Files of a finished stage or an image. */
export interface SourceTree {
  /** Mounts them for reading, the first time. */
  files(): Promise<FileTree>;
  /** Decides the content, so that it need not be read. */
  readonly top: ChainId | null;
  /** Its owners are those of an image, to be kept. */
  readonly image: boolean;
}

/** One build under way: what its stages share. */
export interface Session {
  readonly parts: RunParts;
  readonly cache: BuildCache;
  readonly memory: StepMemory;
  readonly reporter: Reporter;
  /** Tops of the stacks that this build made, not found. */
  readonly made: Set<string>;
  readonly cacheMounts: CacheMounts;
  readonly log: Logger;
  readonly request: BuildRequest;
  readonly style: BuildStyle;
  readonly file: Dockerfile;
  readonly plan: BuildPlan;
  readonly context: BuildContext;
  readonly contexts: NamedContexts;
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  readonly given: GivenArgs;
  readonly globals: ReadonlyMap<string, string | undefined>;
  readonly platform: Platform;
  /** In front of each step's name; `''`: it is the only platform. */
  readonly title: string;
  /** Names that ARGs in ONBUILD triggers asked for. */
  readonly triggerArgs: Set<string>;
  /** Aborted when the client goes, or another stage fails. */
  readonly signal: AbortSignal;
  /** Seconds since 1970 that files and images are to carry (SOURCE_DATE_EPOCH). */
  readonly epochSeconds: number | undefined;
  /** `--no-cache`, for all or for this stage. */
  ignoresCache(stage: Stage): boolean;
  /** Why the cache was not even asked. */
  whyFresh(stage: Stage): string | undefined;
  /** The result of a stage, which is begun if it was not yet. */
  stage(index: number): Promise<StageState>;
  image(reference: string, platform: string, from: Instruction, lane: Lane): Promise<Image>;
  tree(source: Source, step: Instruction, lane: Lane): Promise<SourceTree>;
  /** Keeps what a stage stands on until the build ends. */
  hold(): StackHold;
  /** Images of `--cache-from` that are here. */
  readonly cacheImages: readonly Image[];
  /** What other caches have. */
  readonly remote: RemoteLayers;
  /** What each step came to, for caches that are to be written. */
  readonly outcomes: StepOutcome[];
  /** Keeps layers in the cache, beyond the build. */
  keepLayers(top: ChainId | null): Promise<void>;
  /** An empty directory that lasts as long as the build. */
  scratchDirectory(): Promise<string>;
  readonly networks: BuildNetworks;
  /** Takes work that must be done before the build ends. */
  later(work: () => Promise<void>): void;
  /** Runs `work` when one of the few places for commands is free. */
  limited<T>(work: () => Promise<T>): Promise<T>;
}

export function positionOf({ file }: Session, { line, column, lastLine }: Omit<Position, 'file'>): Position {
  return { file: file.file, line, column, lastLine };
}

/** How the files of a step become a layer. */
export function commitOptions({ epochSeconds, style }: Session) {
  return { mtimeSeconds: epochSeconds, keepEmpty: style === 'buildkit' };
}
