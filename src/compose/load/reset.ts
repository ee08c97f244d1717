import type { MapTree, Tree } from './tree.ts';

/** Paths below which earlier files' words do not count, from `!reset` and `!override`. */
export function resetPaths(tree: Tree, path: readonly string[] = []): string[][] {
  const own = tree.tag === undefined ? [] : [[...path]];
  if (tree.kind !== 'map') return own;
  return [...own, ...[...tree.entries].flatMap(([key, { value }]) => resetPaths(value, [...path, key]))];
}

/** The tree without what `!reset` marks. */
export function withoutReset<T extends Tree>(tree: T): T {
  if (tree.kind !== 'map') return tree;
  const entries: MapTree['entries'] = new Map(
    [...tree.entries]
      .filter(([, { value }]) => value.tag !== 'reset')
      .map(([key, { at, value }]) => [key, { at, value: withoutReset(value) }]),
  );
  return { ...tree, entries };
}

/** A copy of `model` in which nothing is said at these paths. */
export function forget<T extends object>(model: T, paths: readonly (readonly string[])[]): T {
  return paths.reduce((m, path) => remove(m, path), model);
}

function remove<T extends object>(value: T, path: readonly string[]): T {
  const [key, ...rest] = path;
  if (key === undefined || !(key in value)) return value;
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  const inner = copy[key];
  if (rest.length === 0) delete copy[key];
  else if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) copy[key] = remove(inner, rest);
  return copy as T;
}
