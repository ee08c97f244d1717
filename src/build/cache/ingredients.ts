import { sha256 } from '../../core/digest.ts';
import type { Collection, Database } from '../../storage/index.ts';

/** What decides the result of a step, by name: `base`, `instruction`, `argument V`, `file src/main.c`. Values are short. */
export type Ingredients = Readonly<Record<string, string>>;

interface Slot {
  /** The step as it was built last. */
  readonly step: string;
  readonly ingredients: Ingredients;
}

/** Beyond these, what changed is told without names: the record is not to cost more than the step. */
const MOST_FILES = 5000;
const MOST_SLOTS = 2000;
const MOST_NAMED = 3;

/**
 * Remembers what each step of each Dockerfile was last made of, so that the next build can say what has changed. A step is
 * known by the file's name, its stage and its place there.
 */
export class StepMemory {
  readonly #slots: Collection<Slot>;

  constructor(db: Database) {
    this.#slots = db.collection<Slot>('build-steps-seen');
  }

  /** Why a step is not in the cache. */
  explain(slot: readonly unknown[], now: Ingredients): string {
    const before = this.#slots.get(keyOf(slot));
    return before === undefined ? 'not built before' : differences(before.ingredients, now);
  }

  remember(slot: readonly unknown[], step: string, ingredients: () => Ingredients): void {
    const key = keyOf(slot);
    if (this.#slots.get(key)?.step === step) return;
    this.#slots.delete(key); // so that it is the newest again
    this.#slots.put(key, { step, ingredients: ingredients() });
  }

  /** Forgets the oldest of too many. */
  trim(): void {
    const all = this.#slots.entries();
    for (const [old] of all.slice(0, Math.max(0, all.length - MOST_SLOTS))) this.#slots.delete(old);
  }

  clear(): void {
    for (const [key] of this.#slots.entries()) this.#slots.delete(key);
  }
}

/** Files as ingredients; too many of them become one. */
export function fileIngredients(files: ReadonlyMap<string, string>): Ingredients {
  if (files.size > MOST_FILES) return { files: sha256(JSON.stringify([...files])).slice(7, 19) };
  return Object.fromEntries([...files].map(([path, line]) => [`file ${path}`, sha256(line).slice(7, 19)]));
}

/** What has changed, the first things by name. */
export function differences(before: Ingredients, now: Ingredients): string {
  if (before['instruction'] !== now['instruction']) return 'the instruction changed';
  const changed: string[] = [];
  for (const [name, value] of Object.entries(now)) {
    const was = before[name];
    if (was === value) continue;
    if (name === 'base') return `what it stands on changed: ${value}`;
    if (name === 'files') changed.push('files changed');
    else if (name.startsWith('file ')) changed.push(`${name} ${was === undefined ? 'is new' : 'changed'}`);
    else changed.push(`${name} ${was === undefined ? `is new (${value})` : `changed (${was} -> ${value})`}`);
  }
  for (const name of Object.keys(before)) if (now[name] === undefined) changed.push(`${name} is gone`);
  if (changed.length === 0) return 'its result is no longer in the cache';
  const more = changed.length - MOST_NAMED;
  return changed.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function keyOf(slot: readonly unknown[]): string {
  return sha256(JSON.stringify(slot));
}
