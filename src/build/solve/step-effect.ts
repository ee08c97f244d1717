import type { ImageRunConfig } from '../../core/oci.ts';
import type { LayerResult } from '../cache/cache.ts';
import type { Ingredients } from '../cache/ingredients.ts';
import type { StageArgs } from '../graph/variables.ts';

/** What a step does to the files. */
export interface FileWork {
  /** What decides the result, cheapest to find first; each alone is enough. The stack below need not be in it. */
  keys(): AsyncIterable<readonly unknown[]>;
  run(): Promise<LayerResult>;
  /** The history's text, known once all keys are. */
  createdBy(): string;
  /** The same in words, known once all keys are. */
  ingredients(): Ingredients;
}

/** What a step does, decided before it is done. */
export interface StepEffect {
  readonly config: ImageRunConfig;
  readonly author?: string | undefined;
  readonly args: StageArgs;
  readonly cmdSet: boolean;
  /** For the history, and the whole effect of a step without files; `undefined`: the history does not tell of it. */
  readonly createdBy: string | undefined;
  readonly work?: FileWork | undefined;
}
