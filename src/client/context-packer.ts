import { randomBytes } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { PassThrough, pipeline as pipe, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Header as FullHeader, type Pack } from 'tar-stream';
import { errnoOf } from '../core/errors.ts';
import type { ContextSource, DirectoryContext } from './contract.ts';
import { contextNotFound, dockerfileNotFound } from './errors.ts';
import { IgnorePatterns } from './ignore-patterns.ts';

type Header = Partial<FullHeader> & { name: string };

/** Files up to this size are read at once; larger ones are streamed. */
const SMALL_FILE_BYTES = 256 * 1024;

/** What is to be known of a context before it is sent. */
interface Survey extends ContextSource {
  /** `directory` with links resolved. */
  readonly root: string;
  /** Name of the Dockerfile in it, or, if that lies outside of it, one that it can be sent under. */
  readonly name: string;
  readonly outside: boolean;
  /** The rules of what to leave out: those of this Dockerfile alone, and those of the directory. */
  readonly own: string | undefined;
  readonly general: string | undefined;
  readonly ignore: IgnorePatterns;
}

/** See `directoryContext` in build-context.ts. */
export async function surveyDirectory(options: ContextSource): Promise<DirectoryContext> {
  const survey = await look(options);
  return {
    dockerfile: survey.name,
    tar: () => packSurveyed(survey),
    claim: async (side) => (await import('./context-claim.ts')).claimDirectory(survey, side),
  };
}

async function look(options: ContextSource): Promise<Survey> {
  const root = await realpath(options.directory).catch((cause: unknown) => {
    throw contextNotFound({ path: options.directory }, { cause });
  });
  const stats = await lstat(root);
  if (!stats.isDirectory()) throw contextNotFound({ path: options.directory });
  const found = await lstat(options.dockerfile).catch((cause: unknown) => {
    throw dockerfileNotFound({ path: options.dockerfile }, { cause });
  });
  // The name in the context is the one given, unless the directories on the way to it are links.
  const parent = await realpath(dirname(options.dockerfile));
  const place = relative(root, join(parent, options.dockerfile.slice(options.dockerfile.lastIndexOf(sep) + 1)));
  const target = found.isSymbolicLink() ? await realpath(options.dockerfile).catch(() => '') : '';
  const outside = place.startsWith('..') || (target !== '' && relative(root, target).startsWith('..'));
  const own = await textIfThere(`${options.dockerfile}.dockerignore`);
  const general = await textIfThere(join(root, '.dockerignore'));
  const ignore = IgnorePatterns.parse(own ?? general ?? '');
  const name = outside ? `.dockerfile.${randomBytes(10).toString('hex')}` : place.split(sep).join('/');
  return { ...options, root, name, outside, own, general, ignore };
}

function packSurveyed({ dockerfile, root, name, outside, own, general, ignore }: Survey): Readable {
  const tar = pack();
  const run = async (): Promise<void> => {
    const replaced = new Map<string, string>();
    if (outside) {
      replaced.set(name, await readFile(dockerfile, 'utf8'));
      // The engine must not see the borrowed Dockerfile in COPY .
      replaced.set('.dockerignore', `${own ?? general ?? ''}\n${name}\n`);
    } else if (own !== undefined && general !== undefined) {
      replaced.set('.dockerignore', own);
    }
    await new ContextPacker(tar, root, ignore, new Set([name, '.dockerignore']), replaced).run();
  };
  run().then(
    () => tar.finalize(),
    (e: unknown) => tar.destroy(e instanceof Error ? e : new Error(String(e))),
  );
  // tar-stream's streams are not Node's own: callers get one that is.
  return pipe(tar, new PassThrough(), () => undefined);
}

class ContextPacker {
  readonly #tar: Pack;
  readonly #root: string;
  readonly #ignore: IgnorePatterns;
  readonly #always: ReadonlySet<string>;
  readonly #replaced: ReadonlyMap<string, string>;

  constructor(
    tar: Pack,
    root: string,
    ignore: IgnorePatterns,
    always: ReadonlySet<string>,
    replaced: ReadonlyMap<string, string>,
  ) {
    this.#tar = tar;
    this.#root = root;
    this.#ignore = ignore;
    this.#always = always;
    this.#replaced = replaced;
  }

  async run(): Promise<void> {
    await this.#directory('', []);
    for (const [name, text] of this.#replaced) {
      await this.#entry({ name, mode: 0o600, mtime: new Date(0), uid: 0, gid: 0 }, Buffer.from(text));
    }
  }

  /** `owed`: ignored directories above that are written only if something in them is taken back in. */
  async #directory(directory: string, owed: Header[]): Promise<void> {
    const names = await readdir(join(this.#root, directory));
    names.sort();
    for (const name of names) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (this.#replaced.has(path)) continue;
      const ignored = !this.#always.has(path) && this.#ignore.ignores(path);
      if (ignored && !this.#mayHoldWanted(path)) continue;
      const full = join(this.#root, path);
      let stats: Stats;
      try {
        stats = await lstat(full);
      } catch (e) {
        if (errnoOf(e) === 'ENOENT') continue; // gone since the directory was read
        throw e;
      }
      if (ignored && !stats.isDirectory()) continue;
      const header: Header = { name: path, mode: stats.mode, mtime: stats.mtime, uid: 0, gid: 0 };
      if (stats.isDirectory()) {
        header.type = 'directory';
        header.name = `${path}/`;
        if (ignored) {
          owed.push(header);
          await this.#directory(path, owed);
          if (owed.at(-1) === header) owed.pop();
          continue;
        }
        await this.#pay(owed);
        await this.#entry(header);
        await this.#directory(path, owed);
        continue;
      }
      await this.#pay(owed);
      if (stats.isSymbolicLink()) await this.#entry({ ...header, type: 'symlink', linkname: await readlink(full) });
      else if (stats.isFIFO()) await this.#entry({ ...header, type: 'fifo' });
      else if (stats.isFile()) await this.#file(full, { ...header, size: stats.size });
    }
  }

  #mayHoldWanted(path: string): boolean {
    for (const wanted of this.#always) if (wanted.startsWith(`${path}/`)) return true;
    return this.#ignore.mayTakeBackBelow(path);
  }

  async #pay(owed: Header[]): Promise<void> {
    for (const header of owed.splice(0)) await this.#entry(header);
  }

  async #file(full: string, header: Header & { size: number }): Promise<void> {
    if (header.size <= SMALL_FILE_BYTES) {
      const bytes = await readFile(full);
      return this.#entry({ ...header, size: bytes.length }, bytes);
    }
    // `end` cuts a file that grows meanwhile; one that shrinks fails with tar-stream's "size mismatch".
    await pipeline(createReadStream(full, { end: header.size - 1 }), this.#tar.entry(header));
  }

  #entry(header: Header, content?: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = (e?: Error | null) => (e ? reject(e) : resolve());
    if (content === undefined) this.#tar.entry(header, done);
    else this.#tar.entry(header, content, done);
    return promise;
  }
}

async function textIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (e) {
    if (errnoOf(e) === 'ENOENT' || errnoOf(e) === 'EISDIR' || errnoOf(e) === 'ENOTDIR') return undefined;
    throw e;
  }
}
