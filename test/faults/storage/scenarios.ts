import { diskFull, inodes } from './full.ts';
import type { Scenario } from './lab.ts';
import { powerCut } from './power-cut.ts';
import { readOnly } from './read-only.ts';

/** Faults of the disk, each with a daemon and a small disk of its own. */
export const SCENARIOS = {
  'disk-full': diskFull,
  inodes,
  'read-only': readOnly,
  'power-cut': powerCut,
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof SCENARIOS;
