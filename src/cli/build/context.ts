import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type DirectoryContext, directoryContext } from '../../client/index.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';

export interface PreparedContext {
  readonly context: Readable | DirectoryContext;
  /** The Dockerfile's name in it; `undefined`: `Dockerfile`. */
  readonly dockerfile: string | undefined;
  /** As the person who builds knows it. */
  readonly shown: string;
  /** The Dockerfile's lines, if they are at hand. */
  readonly lines: readonly string[];
}

/**
 * The context to send: a folder, a git repository, a URL, a tar, or with `-` a Dockerfile or a tar from stdin.
 * @param undo removes what was fetched
 */
export async function prepareContext(
  where: string,
  { file, keepGitDirectory }: { readonly file: string | undefined; readonly keepGitDirectory: boolean },
  context: CommandContext,
  undo: AsyncDisposableStack,
): Promise<PreparedContext> {
  if (where === '-' && file === '-')
    throw new ExitError("invalid argument: can't use stdin for both build context and dockerfile", 1);
  if (where === '-') return fromStream(context.stdin, file);
  const { parseGitSource, cloneContext, fetchContext } = await import('./remote-context.ts');
  const git = parseGitSource(where);
  if (git !== undefined) {
    const directory = await cloneContext(git, keepGitDirectory, undo, context.signal);
    return fromDirectory(directory, file === undefined ? undefined : join(directory, file), file);
  }
  if (/^https?:\/\//.test(where)) return fromStream(await fetchContext(where, context.signal), file);
  const directory = resolve(context.cwd, where);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isFile()) return fromStream(createReadStream(directory), file);
  if (file === '-') {
    const path = join(tmpdir(), `Dockerfile.${randomBytes(8).toString('hex')}`);
    undo.defer(() => rm(path, { force: true }));
    const dockerfile = await text(context.stdin);
    await writeFile(path, dockerfile, { mode: 0o600 });
    const source = await directoryContext({ directory, dockerfile: path });
    return { context: source, dockerfile: source.dockerfile, shown: '-', lines: dockerfile.split('\n') };
  }
  return fromDirectory(directory, file === undefined ? undefined : resolve(context.cwd, file), file);
}

async function fromStream(stream: Readable, file: string | undefined): Promise<PreparedContext> {
  const { stdinContext } = await import('../stdin-context.ts');
  const { tar, dockerfile } = await stdinContext(stream, file);
  return { context: tar, dockerfile, shown: file ?? 'Dockerfile', lines: [] };
}

async function fromDirectory(
  directory: string,
  path: string | undefined,
  given: string | undefined,
): Promise<PreparedContext> {
  const dockerfile = await existing(path ?? join(directory, 'Dockerfile'), given, directory);
  const context = await directoryContext({ directory, dockerfile });
  const lines = (await readFile(dockerfile, 'utf8').catch(() => '')).split('\n');
  return { context, dockerfile: context.dockerfile, shown: given ?? 'Dockerfile', lines };
}

/** `-f` is relative to where we are; a file of that name in the context is what older versions meant. */
async function existing(path: string, given: string | undefined, directory: string): Promise<string> {
  const there = (p: string) =>
    stat(p).then(
      () => true,
      () => false,
    );
  if (await there(path)) return path;
  if (given !== undefined && (await there(join(directory, given)))) return join(directory, given);
  // A case that a file system elsewhere would have forgiven.
  if (given === undefined && (await there(join(directory, 'dockerfile')))) return join(directory, 'dockerfile');
  return path;
}
