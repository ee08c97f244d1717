import type { Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { composeFileInvalid } from '../errors.ts';
import type { Json, StringMap } from '../model/service.ts';
import { aboutKey, asKey, meant, pasted, withoutDashes } from './hints.ts';
import type { PathRules } from './short-volumes.ts';
import type { ListTree, ScalarTree, Tree } from './tree.ts';
import { describe, isNull, plain } from './tree.ts';
import { parseBytes, parseDuration } from './units.ts';

/** Reads a tree into a value, or says at which place it expected what. */
export interface Shape<T> {
  read(tree: Tree, at: Where): T;
}

export interface Where extends PathRules {
  /** `services.web.ports` */
  readonly path: string;
  /** Notes the place of what later checks may complain about. */
  readonly note: (path: string, position: Position) => void;
  readonly warn: (text: string) => void;
}

export function below(where: Where, key: string | number): Where {
  return { ...where, path: where.path === '' ? String(key) : `${where.path}.${key}` };
}

/** The error for something at `tree`: `services.web.ports must be a list, not the string "80"`. */
export function wrong(tree: Tree, where: Where, expected: string, hint?: string): Error {
  return composeFileInvalid(
    { message: `${where.path} must be ${expected}, not ${describe(tree)}` },
    { at: tree.at, hint: pasted(tree) ?? hint },
  );
}

/** An error at `tree` in the words given. */
export function invalidAt(tree: { readonly at: Position }, message: string, hint?: string): Error {
  return composeFileInvalid({ message }, { at: tree.at, hint });
}

function scalar(tree: Tree, where: Where, expected: string): ScalarTree {
  if (tree.kind !== 'scalar') throw wrong(tree, where, expected);
  return tree;
}

export const string: Shape<string> = {
  read(tree, where) {
    if (tree.kind === 'scalar') {
      if (typeof tree.value === 'string') return checkPasted(tree.value, tree, where);
      if (tree.value !== null) throw wrong(tree, where, 'a string', `put it in quotes: "${tree.source}"`);
    }
    throw wrong(tree, where, 'a string');
  },
};

/** A string, or a number or boolean as it was written. */
export const text: Shape<string> = {
  read(tree, where) {
    const { value, source } = scalar(tree, where, 'a string');
    if (typeof value === 'string') return checkPasted(value, tree, where);
    if (value === null) throw wrong(tree, where, 'a string');
    if (typeof value !== 'number') return source;
    return Number.isSafeInteger(value) || !/^[-+]?\d+$/.test(source) ? String(value) : source;
  },
};

export const integer: Shape<number> = {
  read(tree, where) {
    const { value } = scalar(tree, where, 'a whole number');
    const number = typeof value === 'string' && /^[-+]?\d+$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number)) throw wrong(tree, where, 'a whole number');
    return number;
  },
};

export const number: Shape<number> = {
  read(tree, where) {
    const { value } = scalar(tree, where, 'a number');
    const parsed = typeof value === 'string' && /^[-+]?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    if (typeof parsed !== 'number') throw wrong(tree, where, 'a number');
    return parsed;
  },
};

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  y: true,
  yes: true,
  on: true,
  n: false,
  no: false,
  off: false,
};
export const boolean: Shape<boolean> = {
  read(tree, where) {
    const { value } = scalar(tree, where, 'true or false');
    if (typeof value === 'boolean') return value;
    const word = typeof value === 'string' ? WORDS[value.toLowerCase()] : undefined;
    if (word === undefined) throw wrong(tree, where, 'true or false');
    if (!/^(true|false)$/i.test(String(value))) {
      where.warn(`"${String(value)}" for boolean is not supported by YAML 1.2, please use \`${word}\``);
    }
    return word;
  },
};

export const bytes: Shape<number> = {
  read(tree, where) {
    const { value } = scalar(tree, where, 'a size such as 64M');
    const size = typeof value === 'number' ? value : typeof value === 'string' ? parseBytes(value) : undefined;
    const dotted = String(value).replace(',', '.');
    const hint = parseBytes(dotted) === undefined ? undefined : `write a point for the comma: ${dotted}`;
    if (size === undefined) throw wrong(tree, where, 'a size such as 64M or 1.5G', hint);
    return size;
  },
};

export const duration: Shape<number> = {
  read(tree, where) {
    const { value } = scalar(tree, where, 'a duration such as 1m30s');
    const nanoseconds = typeof value === 'string' || value === 0 ? parseDuration(String(value)) : undefined;
    const hint =
      typeof value === 'number'
        ? `write the unit: ${value}s`
        : typeof value === 'string' && parseDuration(value.replaceAll(' ', '')) !== undefined
          ? `write it without a space: ${value.replaceAll(' ', '')}`
          : undefined;
    if (nanoseconds === undefined) throw wrong(tree, where, 'a duration such as 1m30s', hint);
    return nanoseconds;
  },
};

export function oneOf<T extends string>(...words: readonly T[]): Shape<T> {
  return {
    read(tree, where) {
      const { value } = scalar(tree, where, `one of ${words.join(', ')}`);
      const found = words.find((w) => w === value);
      if (found !== undefined) return found;
      throw invalidAt(
        tree,
        `${where.path} must be one of ${words.join(', ')}, not ${describe(tree)}${didYouMean(String(value), words) || meant(String(value), words)}`,
      );
    },
  };
}

export function list<T>(item: Shape<T>): Shape<T[]> {
  return {
    read(tree, where) {
      if (tree.kind !== 'list') throw notList(tree, where);
      return tree.items.map((one, i) => item.read(one, { ...where, path: `${where.path}[${i}]` }));
    },
  };
}

/** As `list`; entries that are there already are an error, as docker compose's schema has it. */
export function uniqueList(item: Shape<string>): Shape<string[]> {
  return {
    read(tree, where) {
      const items = list(item).read(tree, where);
      const again = items.findIndex((one, i) => items.indexOf(one) !== i);
      const second = (tree as ListTree).items[again];
      if (second) {
        const first = items.indexOf(items[again] ?? '');
        throw invalidAt(second, `${where.path} items at ${first} and ${again} are equal`);
      }
      return items;
    },
  };
}

/** One, or a list of them. */
export function oneOrMany<T>(item: Shape<T>): Shape<T[]> {
  const many = list(item);
  return { read: (tree, where) => (tree.kind === 'list' ? many.read(tree, where) : [item.read(tree, where)]) };
}

export function mapOf<T>(value: Shape<T>): Shape<Record<string, T>> {
  return {
    read(tree, where) {
      if (tree.kind !== 'map') throw wrong(tree, where, 'a map');
      return Object.fromEntries(
        [...tree.entries].map(([key, entry]) => [key, value.read(entry.value, below(where, key))]),
      );
    },
  };
}

/** `KEY: value` pairs or a list of `KEY=value`; a key without a value gives `null`. */
export const pairs: Shape<Record<string, string | null>> = {
  read(tree, where) {
    const found: Record<string, string | null> = {};
    if (tree.kind === 'map') {
      for (const [key, { at, value }] of tree.entries) {
        if (/\s$/.test(key)) throw invalidAt({ at }, `${where.path} key ${JSON.stringify(key)} ends in a space`);
        if (key === '') throw invalidAt({ at }, `${where.path} additional properties '' not allowed: a key is empty`);
        where.note(`${where.path}.${key}`, at);
        found[key] = isNull(value) ? null : text.read(value, below(where, key));
      }
      return found;
    }
    if (tree.kind !== 'list') {
      const written =
        tree.kind === 'scalar' && typeof tree.value === 'string' ? /^([\w.-]+)[:=]\s*(.*)$/.exec(tree.value) : null;
      const several = tree.kind === 'scalar' && (String(tree.value).match(/(?:^|[\s,])[\w.-]+=/g)?.length ?? 0) > 1;
      const hint = several
        ? 'write each pair on a line of its own below it, as "- KEY=value"'
        : written
          ? `write "${written[1]}: ${written[2]}" on a line of its own below it`
          : undefined;
      throw wrong(tree, where, 'a map of KEY: value or a list of KEY=value', hint);
    }
    for (const [i, item] of tree.items.entries()) {
      if (item.kind !== 'scalar' || item.value === null) {
        throw wrong(
          item,
          { ...where, path: `${where.path}[${i}]` },
          'KEY=value',
          'a list takes "- KEY=value", a map "KEY: value" without the dash',
        );
      }
      const pair = typeof item.value === 'string' ? checkPasted(item.value, item, where) : item.source;
      const equals = pair.indexOf('=');
      const key = equals < 0 ? pair : pair.slice(0, equals);
      if (/\s$/.test(key)) throw invalidAt(item, `${where.path}[${i}] key ${JSON.stringify(key)} ends in a space`);
      where.note(`${where.path}.${key}`, item.at);
      found[key] = equals < 0 ? null : pair.slice(equals + 1);
    }
    return found;
  },
};

/** As `pairs`, where a key without a value has an empty one. */
export const labels: Shape<StringMap> = {
  read: (tree, where) => Object.fromEntries(Object.entries(pairs.read(tree, where)).map(([k, v]) => [k, v ?? ''])),
};

/** Anything; for what is checked by whom it concerns. */
export const anything: Shape<Exclude<Json, null>> = { read: (tree) => plain(tree) as Exclude<Json, null> };

/** What each key of `T` is read with. A key that is not listed is an error, `x-…` is kept. */
export type Fields<T> = {
  readonly [K in keyof T as string extends K ? never : K extends `x-${string}` ? never : K]-?: Shape<NonNullable<T[K]>>;
};

/**
 * @param required keys that must be there
 * @param alone the key that a bare value is probably meant for, for the error
 */
export function object<T>(
  fields: Fields<T>,
  required: readonly (keyof T & string)[] = [],
  alone?: keyof T & string,
): Shape<T> {
  const known = Object.keys(fields);
  return {
    read(tree, where) {
      if (tree.kind !== 'map') throw wrong(tree, where, 'a map', asKey(alone, tree) ?? withoutDashes(tree));
      const found: Record<string, unknown> = {};
      for (const [key, { at, value }] of tree.entries) {
        if (key.startsWith('x-')) {
          found[key] = plain(value);
          continue;
        }
        const shape = (fields as Record<string, Shape<unknown>>)[key];
        if (!shape || !Object.hasOwn(fields, key)) throw unknownKey(key, at, where, known);
        where.note(`${where.path}.${key}`, at);
        if (isNull(value)) continue;
        found[key] = shape.read(value, below(where, key));
      }
      for (const key of required) {
        if (found[key] === undefined) throw invalidAt(tree, `${where.path} needs "${key}"`);
      }
      return found as T;
    },
  };
}

export function unknownKey(key: string, at: Position, where: Where, known: readonly string[]): Error {
  const place = where.path === '' ? '' : `${where.path} `;
  return composeFileInvalid(
    { message: `${place}additional properties '${key}' not allowed${aboutKey(key, known)}` },
    { at },
  );
}

/** Typographic quotes and dashes come from web pages; YAML takes them as text. */
function checkPasted(value: string, tree: { readonly at: Position }, where: Where): string {
  if (/^[\u201C\u201D\u201E\u2018\u2019]/.test(value) || /[\u201D\u2019]$/.test(value)) {
    throw invalidAt(
      tree,
      `${where.path} begins or ends with a typographic quote (${value}); YAML wants straight quotes: "${value.replace(/[\u201C\u201D\u201E\u2018\u2019]/g, '')}"`,
    );
  }
  return value;
}

function notList(tree: Tree, where: Where): Error {
  const hint =
    tree.kind === 'scalar' && tree.value !== null
      ? `write "- ${tree.source}" on a line of its own below it`
      : tree.kind === 'map'
        ? 'begin each entry with a dash: "- "'
        : undefined;
  return wrong(tree, where, 'a list', hint);
}
