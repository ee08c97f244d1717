import type { Logger } from '../../core/log.ts';
import type { BuildCache } from '../cache/cache.ts';
import type { StepMemory } from '../cache/ingredients.ts';
import type { LayerLeases } from '../cache/leases.ts';
import type { KnownDirectories } from '../files/known-files.ts';
import type { CompressedLayers } from '../remote-cache/export.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { RunParts } from './run-container.ts';

/** What builds share for as long as the builder is open. */
export interface BuildParts {
  readonly run: RunParts;
  readonly cache: BuildCache;
  readonly memory: StepMemory;
  readonly leases: LayerLeases;
  readonly compressed: CompressedLayers;
  readonly cacheMounts: CacheMounts;
  /** For contexts and other files of a build under way. */
  readonly temporary: string;
  /** What is known of the files of directories that are read where they are. */
  readonly known: KnownDirectories;
  readonly log: Logger;
}
