import { composeFileInvalid } from '../errors.ts';
import type { ScalarTree, Tree } from './tree.ts';
import { substitute, TemplateError } from './template.ts';

/**
 * Replaces `${}` in all values (never in keys).
 * @param missing told the name of a variable that is not set and has no default
 * @param used told every value that holds a variable
 * @throws {WharfError} `COMPOSE_FILE_INVALID` with the place of the value
 */
export function interpolate(
  tree: Tree,
  lookup: (name: string) => string | undefined,
  missing: (name: string) => void,
  path = '',
  used: (template: ScalarTree, path: string) => void = () => undefined,
): Tree {
  switch (tree.kind) {
    case 'map':
      return {
        ...tree,
        entries: new Map(
          [...tree.entries].map(([key, { at, value }]) => [
            key,
            { at, value: interpolate(value, lookup, missing, path === '' ? key : `${path}.${key}`, used) },
          ]),
        ),
      };
    case 'list':
      return {
        ...tree,
        items: tree.items.map((item, i) => interpolate(item, lookup, missing, `${path}.[${i}]`, used)),
      };
    case 'scalar': {
      if (typeof tree.value !== 'string' || !tree.value.includes('$')) return tree;
      used(tree, path);
      try {
        const value = substitute(tree.value, { lookup, missing });
        return { ...tree, value, source: value };
      } catch (e) {
        if (e instanceof RangeError)
          throw composeFileInvalid({ message: `${path}: ${'${}'} nested too deeply` }, { at: tree.at });
        if (!(e instanceof TemplateError)) throw e;
        const message =
          e.kind === 'required'
            ? `error while interpolating ${path}: ${e.message}`
            : `invalid interpolation format for ${path}: ${JSON.stringify(tree.value)}. You may need to escape any $ with another $`;
        const open = e.kind === 'syntax' && /\$\{[^}]*$/.test(tree.value);
        const hint = open
          ? 'expected a } that closes ${'
          : e.kind === 'syntax'
            ? 'expected ${NAME}, ${NAME:-default} or ${NAME:?error}; a name is made of letters, digits and _'
            : undefined;
        throw composeFileInvalid({ message }, { at: tree.at, hint });
      }
    }
  }
}
