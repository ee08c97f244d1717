import type { Position } from '../../core/errors.ts';

/** YAML as a tree that remembers where each thing was written; aliases and `<<` are already replaced. */
export type Tree = MapTree | ListTree | ScalarTree;

interface Common {
  readonly at: Position;
  /** `!reset` takes away what earlier files said, `!override` replaces it. */
  readonly tag?: 'reset' | 'override';
}
export interface MapTree extends Common {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, { readonly at: Position; readonly value: Tree }>;
}
export interface ListTree extends Common {
  readonly kind: 'list';
  readonly items: readonly Tree[];
}
export interface ScalarTree extends Common {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it was written, for what YAML would have changed: `0440`, `1.10`. */
  readonly source: string;
  /** It stands in quotes, or in a block of text. */
  readonly quoted?: true;
}

/** The entry of a map, if this is a map that has it. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined;
}

export function isNull(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null;
}

/** A plain value without positions. */
export function plain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(plain);
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, plain(value)]));
  }
}

/** What somebody wrote, in a word: "a list", "a map", `the number 5`. */
export function describe(tree: Tree): string {
  if (tree.kind === 'map') return 'a map';
  if (tree.kind === 'list') return 'a list';
  if (tree.value === null) return 'nothing';
  return `${typeof tree.value === 'string' ? 'the string' : typeof tree.value === 'number' ? 'the number' : 'the boolean'} ${JSON.stringify(tree.value)}`;
}
