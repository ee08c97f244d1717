import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { fileIngredients } from '../cache/ingredients.ts';
import { parseIgnore } from '../context/ignore.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { bodyOf } from '../dockerfile/heredoc.ts';
import type { Lookup } from '../expand/expand.ts';
import { expandText, expandWord } from '../expand/expand.ts';
import { resolveSource } from '../graph/plan.ts';
import { checkChecksum, download } from './download.ts';
import { fetchGitSource, isGitSource } from './git-source.ts';
import { nop } from './history.ts';
import { type MissingIn, missingSource } from './missing-source.ts';
import type { Lane } from './output.ts';
import { destinationOf, modeOf, ownerOf, placeFiles } from './place-files.ts';
import type { Selected } from './select-sources.ts';
import { selectSource, selectText } from './select-sources.ts';
import type { Session, SourceTree } from './session.ts';
import { commitOptions } from './session.ts';
import { openScratch } from './snapshot.ts';
import type { StageState } from './state.ts';
import { runConfigOf, topOf } from './state.ts';
import type { FileWork } from './step-effect.ts';

const URL_SOURCE = /^https?:\/\//i;
const ROOT = { uid: 0, gid: 0 };

/** What COPY or ADD does: find and digest sources, then write them on top of the stage. */
export function copyWork(
  step: Instruction<'copy' | 'add'>,
  state: StageState,
  stageIndex: number,
  lookup: Lookup,
  session: Session,
  lane: Lane,
): FileWork {
  const keyword = step.kind === 'copy' ? 'COPY' : 'ADD';
  const { escape } = session.file;
  const expand = (word: string) => expandWord(word, lookup, escape);
  const sources = step.sources.map(expand);
  const destination = destinationOf(expand(step.destination), runConfigOf(state).WorkingDir || '/');
  const chown = step.chown === undefined ? undefined : expand(step.chown);
  const chmod = step.chmod === undefined ? undefined : expand(step.chmod);
  const mode = chmod === undefined ? undefined : modeOf(chmod);
  const checksum = step.checksum === undefined ? undefined : expand(step.checksum);
  const source =
    step.from === undefined ? undefined : resolveSource(session.file, stageIndex, step.from, step, session.contexts);
  const rules = parseIgnore(step.exclude.join('\n'));
  const excludes = rules.empty ? undefined : (path: string) => rules.excludes(path);
  const shape = [keyword, destination, chown, chmod, step.exclude, step.unpack, step.parents];

  let tree: Promise<SourceTree> | undefined;
  const treeOf = () => (source === undefined ? undefined : (tree ??= session.tree(source, step, lane)));
  let found: Promise<Selected[]> | undefined;
  const selected = () => (found ??= select());

  function missing(path: string, where: MissingIn): Promise<Error> {
    const place = where.isContext ? 'file not found in build context or excluded by .dockerignore: ' : '';
    const classic = `${keyword} failed: ${place}stat ${path.replace(/^\//, '')}: file does not exist`;
    return missingSource(path, where, session, classic);
  }

  async function select(): Promise<Selected[]> {
    const files = (await (await treeOf())?.files()) ?? session.context.files;
    const all: Selected[] = [];
    for (const word of sources) {
      if (keyword === 'ADD' && isGitSource(word)) {
        const options = {
          scratch: await session.scratchDirectory(),
          keepGitDirectory: step.keepGitDirectory,
          checksum,
        };
        all.push(await fetchGitSource(word, options, session.signal));
      } else if (keyword === 'ADD' && URL_SOURCE.test(word)) {
        if (checksum !== undefined) checkChecksum(checksum);
        const options = { checksum, unpack: step.unpack === true, named: !destination.endsWith('/') };
        all.push(await download(word, { ...options, scratch: await session.scratchDirectory() }, session.signal));
      } else {
        const fromContext = source === undefined;
        all.push(
          ...(await selectSource(word, {
            keyword,
            tree: files,
            fromContext,
            excludes,
            unpack: step.unpack,
            parents: step.parents,
            orNothing: style === 'buildkit',
            missing: (path) => missing(path, { tree: files, isContext: fromContext }),
          })),
        );
      }
    }
    for (const heredoc of step.heredocs) {
      const body = bodyOf(heredoc);
      const text = heredoc.expand ? expandText(body, lookup) : body;
      all.push(await selectText(heredoc.name, text, await session.scratchDirectory()));
    }
    return all;
  }

  let chosen: readonly Selected[] = [];
  const { style } = session;
  const words = [keyword, ...flagsOf(step, chown, chmod), ...sources, ...step.heredocs.map(({ name }) => `<<${name}`)];
  const historyOf = (all: readonly Selected[]) =>
    style === 'buildkit'
      ? `${[...words, expand(step.destination)].join(' ')} # buildkit`
      : nop(runConfigOf(state), `${keyword} ${summary(all)} in ${posix.normalize(destination)} `, 1);
  // With BuildKit's it is known before the files are.
  let createdBy = style === 'buildkit' ? historyOf([]) : '';
  return {
    ingredients: () => ({
      destination,
      owner: chown ?? '',
      mode: chmod ?? '',
      ...fileIngredients(new Map(chosen.flatMap(namedFiles))),
    }),
    createdBy: () => createdBy,
    async *keys() {
      const known = await treeOf();
      if (known?.image === true) yield [...shape, 'stack', known.top, sources];
      // What is pinned need not be fetched to know it.
      if (checksum !== undefined) yield [...shape, 'pinned', sources, checksum, step.keepGitDirectory];
      const all = await selected();
      createdBy = historyOf(all);
      chosen = all;
      yield [...shape, 'content', all.map((s) => [s.kind, s.archive, s.name, s.digest, s.parents])];
    },
    async run() {
      const all = await selected();
      await using scratch = await openScratch(session.parts.engine.parts.storage.snapshots, topOf(state));
      const given = chown === undefined ? undefined : ownerOf(scratch.root, chown, style);
      const owner = given ?? ((await treeOf())?.image === true ? undefined : ROOT);
      const placement = {
        keyword,
        destination,
        owner,
        archiveOwner: style === 'buildkit' ? undefined : given,
        parentOwner: style === 'buildkit' ? given : undefined,
        mode,
        archiveMode: style === 'buildkit' ? undefined : mode,
        dressMerged: style === 'buildkit',
        parents: step.parents,
      } as const;
      const filling = await placeFiles(scratch, all, placement, session.signal);
      const layer = await scratch.commit({ ...commitOptions(session), filling });
      return { layer, createdBy: historyOf(all) };
    },
  };
}

/** The flags that BuildKit's history names. */
function flagsOf(
  { parents }: Instruction<'copy' | 'add'>,
  chown: string | undefined,
  chmod: string | undefined,
): string[] {
  return [
    ...(parents ? ['--parents'] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ];
}

/** What was selected, file by file, as the Dockerfile's reader knows them. */
function namedFiles({ name, kind, digest, entries }: Selected): [path: string, value: string][] {
  if (kind === 'file') return [[name, digest]];
  return entries.map((entry) => [posix.join(name, entry.name), entry.fact]);
}

/** `file:HASH`, `dir:HASH` or `multi:HASH`, as the classic builder's history names sources. */
function summary(selected: readonly Selected[]): string {
  const only = selected.length === 1 ? selected[0] : undefined;
  if (only !== undefined) return `${only.kind === 'directory' ? 'dir' : 'file'}:${only.digest}`;
  const hash = createHash('sha256');
  for (const { name, digest } of selected) hash.update(`${name} ${digest}\n`);
  return `multi:${hash.digest('hex')}`;
}
