import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { once } from 'node:events';
import { nearest } from '../../core/nearest.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { csvFields } from '../spec/csv.ts';
import type { PlatformImage } from './show.ts';
import { unpack } from './unpack.ts';

/** Keys of images outside of the engine; times are rewritten with SOURCE_DATE_EPOCH, whether asked for or not. */
const OF_FORM = /^(compression|compression-level|force-compression|oci-mediatypes|annotation.*)$/;
const OF_TYPE: Readonly<Record<string, RegExp>> = {
  oci: /^tar$/,
  docker: /^tar$/,
  registry: /^(push|push-by-digest|registry\.insecure)$/,
};

const TYPES = ['local', 'tar', 'oci', 'docker', 'image', 'registry'] as const;

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
  const named = keys.get('type') ?? '';
  const type = named === 'image' && keys.get('push') === 'true' ? 'registry' : named;
  const dest = keys.get('dest');
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
    const ofType = OF_TYPE[type];
    const isKnown = ofType !== undefined && (OF_FORM.test(key) || ofType.test(key));
    if (isKnown || (key === 'push' && type === 'image') || key === 'rewrite-timestamp') attrs[key] = value;
    else throw new ExitError(`--output: the key ${key} is not supported`, 1);
  }
  return { type, dest, name: keys.get('name'), attrs };
}

function isType(text: string): text is Output['type'] {
  return (TYPES as readonly string[]).includes(text);
}

/** Whether the engine keeps the image anyway, so that nothing has to be fetched. */
export function staysInEngine({ type, dest }: Output): boolean {
  return type === 'image' || type === 'registry' || (type === 'docker' && dest === undefined);
}

/** @throws {ExitError} at outputs that have no room for several platforms */
export function refuseSeveral(outputs: readonly Output[]): void {
  const how = 'use -o type=oci,dest=FILE or --push, or build one platform at a time';
  const wrong = outputs.find(({ type }) => !['oci', 'registry', 'local'].includes(type));
  const what = wrong === undefined || staysInEngine(wrong) ? 'images of the engine' : `an output of type ${wrong.type}`;
  if (wrong === undefined && outputs.length > 0) return;
  throw new ExitError(`Multi-platform build is not supported for ${what}: ${how}`, 1);
}

/** Outputs that the engine pushes, as it is told of them. */
export function pushesOf(outputs: readonly Output[], tags: readonly string[]): Record<string, string>[] {
  return outputs
    .filter(({ type }) => type === 'registry')
    .map(({ name, attrs }) => ({ ...attrs, name: name ?? tags.join(',') }));
}

/**
 * Fetches the result of a build.
 * @param images of a platform each
 * @param tags names that an archive gives the image
 */
export async function writeOutput(
  output: Output,
  images: readonly PlatformImage[],
  tags: readonly string[],
  context: CommandContext,
): Promise<void> {
  const { client, cwd, stdout } = context;
  const { type } = output;
  const dest = output.dest ?? '-';
  if (dest === '-' && stdout.isTTY === true) {
    throw new ExitError(`dest file is required for ${type} exporter. refusing to write to console`, 1);
  }
  if (type === 'local') {
    for (const { image, platform } of images) {
      // Several platforms have a directory each.
      const directory = resolve(cwd, dest, images.length === 1 ? '' : platform.replaceAll('/', '_'));
      await unpack(await client.images.files(image), directory, { what: 'the files', modes: 'kept' });
    }
    return;
  }
  const attrs = { ...output.attrs, name: output.name ?? tags.join(',') };
  const tar =
    type === 'tar'
      ? await client.images.files(images[0]?.image ?? '')
      : await client.images.archive(
          images.map(({ image }) => image),
          type,
          attrs,
        );
  if (dest === '-') {
    for await (const chunk of tar) if (!stdout.write(chunk)) await once(stdout, 'drain');
  } else await pipeline(tar, createWriteStream(resolve(cwd, dest)));
}
