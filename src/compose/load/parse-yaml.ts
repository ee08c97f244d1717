import type { Alias, Document, Node, Pair } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Schema, visit } from 'yaml';
import type { Position } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { composeFileInvalid } from '../errors.ts';
import type { MapTree, Tree } from './tree.ts';
import { syntaxError } from './yaml-slips.ts';

/** Aliases may multiply nodes; a file that grows beyond this is refused. */
const MAX_NODES = 100_000;

/** Made once: a project of many files is read with the same rules throughout. */
const SCHEMA = new Schema({ schema: 'core', resolveKnownTags: true });

/**
 * Reads every document of a Compose file.
 * @param file the name that errors show
 * @throws {WharfError} `COMPOSE_FILE_INVALID` with the place
 */
export function parseYaml(text: string, file: string): Tree[] {
  const lines = new LineCounter();
  const clean = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // Reading takes seconds for what would be refused afterwards: each line that is not blank is a value at least.
  if (clean.length > MAX_NODES * 20 && (clean.match(/\n[^\S\n]*[^\s#]/g)?.length ?? 0) > 2 * MAX_NODES)
    throw composeFileInvalid(
      { message: `more than ${MAX_NODES} values are too many for a Compose file` },
      { at: { file, line: 1, column: 1 } },
    );
  const documents = parseAllDocuments(clean, {
    lineCounter: lines,
    uniqueKeys: false,
    schema: SCHEMA,
    version: '1.2',
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents)) return [];
  const trees: Tree[] = [];
  for (const document of documents) {
    const error = document.errors[0];
    if (error?.message.includes('Maximum call stack')) throw tooDeep(file, lines.linePos(error.pos[0]).line);
    if (error) throw syntaxError(error, clean, file, lines);
    if (document.contents === null) continue;
    try {
      trees.push(new Converter(document, file, lines).convert(document.contents));
    } catch (e) {
      if (e instanceof RangeError) throw tooDeep(file, 1);
      throw e;
    }
  }
  return trees;
}

function tooDeep(file: string, line: number): Error {
  return composeFileInvalid(
    { message: 'nested too deeply: lists and maps within each other end at some hundred levels' },
    { at: { file, line, column: 1 } },
  );
}

class Converter {
  readonly #document: Document.Parsed;
  readonly #file: string;
  readonly #lines: LineCounter;
  #nodes = 0;
  /** The alias that is being replaced, not those within it. */
  #outermost: Position | undefined;
  /** Anchored nodes within which the converter is at the moment. */
  readonly #open = new Set<Node>();

  constructor(document: Document.Parsed, file: string, lines: LineCounter) {
    this.#document = document;
    this.#file = file;
    this.#lines = lines;
  }

  convert(node: Node | null, fallback?: Position): Tree {
    const at = this.#at(node) ?? fallback ?? { file: this.#file, line: 1, column: 1 };
    if (++this.#nodes > MAX_NODES) {
      throw this.#outermost
        ? composeFileInvalid(
            { message: `more than ${MAX_NODES} values: this alias stands for others, which stand for others` },
            { at: this.#outermost },
          )
        : composeFileInvalid({ message: `more than ${MAX_NODES} values are too many for a Compose file` }, { at });
    }
    if (node === null) return { kind: 'scalar', value: null, source: '', at };
    if (isAlias(node)) return this.#alias(node, at);
    const tag =
      node.tag === '!reset' ? ('reset' as const) : node.tag === '!override' ? ('override' as const) : undefined;
    const common = tag ? { at, tag } : { at };
    if (isMap(node) || isSeq(node)) {
      this.#open.add(node);
      const tree: Tree = isMap(node)
        ? { kind: 'map', entries: this.#entries(node.items as Pair<Node, Node | null>[]), ...common }
        : { kind: 'list', items: node.items.map((n) => this.convert(n as Node | null, at)), ...common };
      this.#open.delete(node);
      return tree;
    }
    if (!isScalar(node))
      throw composeFileInvalid({ message: 'a YAML value of a kind that Compose has no use for' }, { at });
    const source = node.source ?? String(node.value);
    return {
      kind: 'scalar',
      value: scalarValue(node.value, source, node.type === 'PLAIN', tag !== undefined),
      source,
      ...(node.type === 'PLAIN' ? {} : { quoted: true as const }),
      ...common,
    };
  }

  #alias(node: Alias, at: Position): Tree {
    const target = node.resolve(this.#document);
    if (!target) {
      const guess = didYouMean(node.source, this.#anchors()).replace(/^; /, '');
      throw composeFileInvalid(
        { message: `unknown anchor "${node.source}"` },
        { at, hint: guess || `declare it above, with &${node.source} after a key's colon` },
      );
    }
    if (this.#open.has(target)) {
      throw composeFileInvalid({ message: `anchor "${node.source}" contains itself` }, { at });
    }
    const before = this.#outermost;
    this.#outermost ??= at;
    const tree = this.convert(target);
    this.#outermost = before;
    return tree;
  }

  #anchors(): string[] {
    const found: string[] = [];
    visit(this.#document, {
      Node: (_key, node) => {
        if (!isAlias(node) && node.anchor !== undefined) found.push(node.anchor);
      },
    });
    return found;
  }

  #entries(pairs: readonly Pair<Node, Node | null>[]): MapTree['entries'] {
    const entries = new Map<string, { at: Position; value: Tree }>();
    const merged: { readonly tree: Tree; readonly at: Position }[] = [];
    for (const { key, value } of pairs) {
      const keyAt = this.#at(key) ?? { file: this.#file, line: 1, column: 1 };
      if (!isScalar(key))
        throw composeFileInvalid({ message: 'a key must be a word, not a list or a map' }, { at: keyAt });
      const name = key.source ?? String(key.value);
      if (name === '<<' && key.type === 'PLAIN') {
        const tree = this.convert(value, keyAt);
        const at = this.#at(value) ?? keyAt;
        const trees = tree.kind === 'list' && isSeq(value) ? tree.items : [tree];
        merged.push(...trees.map((one) => ({ tree: one, at })));
        continue;
      }
      const before = entries.get(name);
      if (before) {
        throw composeFileInvalid(
          { message: `mapping key "${name}" already defined at line ${before.at.line}` },
          { at: keyAt, hint: 'a key may stand only once: put both together, or take one away' },
        );
      }
      entries.set(name, { at: keyAt, value: this.convert(value, keyAt) });
    }
    // Explicit keys win over merged ones, an earlier alias over a later.
    for (const { tree, at } of merged) {
      if (tree.kind !== 'map') {
        throw composeFileInvalid({ message: '`<<` takes a map, or a list of maps' }, { at });
      }
      for (const [name, entry] of tree.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return entries;
  }

  #at(node: Node | null): Position | undefined {
    const offset = node?.range?.[0];
    if (offset === undefined) return undefined;
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line, column: col };
  }
}

/** Numbers as go-yaml reads them: `0644` is octal, as Compose files' modes expect. */
function scalarValue(
  value: unknown,
  source: string,
  isPlain: boolean,
  tagged: boolean,
): string | number | boolean | null {
  if (tagged && isPlain && /^(null|~|)$/.test(source)) return null;
  if (isPlain && /^0[0-7]+$/.test(source)) return Number.parseInt(source, 8);
  if (isPlain && /^[-+]?[1-9][\d]*(_\d+)+$/.test(source)) return Number(source.replaceAll('_', ''));
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || value === null)
    return value;
  return source;
}
