import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { once } from 'node:events';
import { nearest } from '../../core/nearest.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { csvFields } from '../spec/csv.ts';
import { unpack } from './unpack.ts';

/** Keys of archives; times are rewritten with SOURCE_DATE_EPOCH, whether asked for or not. */
const IN_ARCHIVES = /^(compression|compression-level|force-compression|oci-mediatypes|tar|annotation.*)$/;

const TYPES = ['local', 'tar', 'oci', 'docker', 'image'] as const;

/** Where a result goes (`-o`). `dest` `-` is stdout. */
export interface Output {
  readonly type: (typeof TYPES)[number];
  readonly dest: string | undefined;
  /** Names that the image is given. */
  readonly name: string | undefined;
  /** Further keys, for archives. */
  readonly attrs: Readonly<Record<string, string>>;
}

/**
 * `type=tar,dest=out.tar`; a bare path is a directory, a bare `-` a tar to stdout.
 * @throws {ExitError} at what cannot be done
 */
export function parseOutput(text: string): Output {
  if (text === '-') return { type: 'tar', dest: '-', name: undefined, attrs: {} };
  const fields = csvFields(text);
  if (fields.length === 1 && !text.includes('=')) return { type: 'local', dest: text, name: undefined, attrs: {} };
  const keys = new Map(fields.map((field) => field.split(/=(.*)/s) as [string, string | undefined]));
  const type = keys.get('type') ?? '';
  const dest = keys.get('dest');
  if (type === 'registry' || keys.get('push') === 'true') {
    throw new ExitError(`--output ${text}: pushing is not done by the build: use -t NAME, then "wharf push NAME"`, 1);
  }
  if (!isType(type)) {
    const near = nearest(type, TYPES);
    throw new ExitError(
      `--output: unknown type ${JSON.stringify(type)}${near === undefined ? '' : ` (did you mean ${near}?)`}`,
      1,
    );
  }
  if (type === 'local' && (dest === undefined || dest === '-')) {
    throw new ExitError('--output type=local: dest is required, and has to be a directory', 1);
  }
  const attrs: Record<string, string> = {};
  for (const [key, value = ''] of keys) {
    if (['type', 'dest', 'name'].includes(key)) continue;
    const isKnown = IN_ARCHIVES.test(key) && (type === 'oci' || type === 'docker');
    if (isKnown || key === 'rewrite-timestamp') attrs[key] = value;
    else throw new ExitError(`--output: the key ${key} is not supported`, 1);
  }
  return { type, dest, name: keys.get('name'), attrs };
}

function isType(text: string): text is Output['type'] {
  return (TYPES as readonly string[]).includes(text);
}

/** Whether the engine keeps the image anyway, so that nothing has to be fetched. */
export function staysInEngine({ type, dest }: Output): boolean {
  return type === 'image' || (type === 'docker' && dest === undefined);
}

/**
 * Fetches the result of a build.
 * @param tags names that an archive gives the image
 */
export async function writeOutput(
  output: Output,
  image: string,
  tags: readonly string[],
  context: CommandContext,
): Promise<void> {
  const { client, cwd, stdout } = context;
  const { type } = output;
  const dest = output.dest ?? '-';
  if (dest === '-' && stdout.isTTY === true) {
    throw new ExitError(`dest file is required for ${type} exporter. refusing to write to console`, 1);
  }
  const tar =
    type === 'local' || type === 'tar'
      ? await client.images.files(image)
      : await client.images.archive([image], type, { ...output.attrs, name: output.name ?? tags.join(',') });
  if (type === 'local') {
    const directory = resolve(cwd, dest);
    await unpack(tar, directory, { what: 'the files', modes: 'kept' });
  } else if (dest === '-') {
    for await (const chunk of tar) if (!stdout.write(chunk)) await once(stdout, 'drain');
  } else await pipeline(tar, createWriteStream(resolve(cwd, dest)));
}
