import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Descriptor, type ImageIndex, MEDIA_TYPES } from '../../core/oci.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { csvFields } from '../spec/csv.ts';
import { unpack } from './unpack.ts';

interface Spec {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/** What `--cache-from` and `--cache-to` come to. */
export interface Caches {
  /** `--cache-to type=inline`. */
  readonly inline: boolean;
  /** Images to look into, as the Engine API knows them. */
  readonly images: readonly string[];
  /** For `X-Wharf-Build`. */
  readonly from: readonly Spec[];
  readonly to: readonly Spec[];
  /** Directories that are sent along, or read where they are. */
  readonly directories: Readonly<Record<string, string>>;
  /** What could not be used. */
  readonly warnings: readonly string[];
}

/** @throws {ExitError} at kinds of caches that there are not */
export async function readCaches(
  given: { readonly from: readonly string[]; readonly to: readonly string[] },
  { cwd }: Pick<CommandContext, 'cwd'>,
): Promise<Caches> {
  const no = (option: string, text: string) =>
    new ExitError(`--cache-${option} ${text} is not supported: use type=inline, type=local or type=registry`, 1);
  const to: Spec[] = [];
  let inline = false;
  for (const text of given.to) {
    const spec = specOf(text);
    if (spec.type === 'inline') inline = true;
    else if (spec.type === 'local' || spec.type === 'registry') to.push(spec);
    else throw no('to', text);
    const needed = spec.type === 'local' ? 'dest' : 'ref';
    if (spec.type !== 'inline' && !spec.attrs[needed])
      throw new ExitError(`--cache-to ${text}: ${needed} is required`, 1);
  }
  const images: string[] = [];
  const from: Spec[] = [];
  const directories: Record<string, string> = {};
  const warnings: string[] = [];
  for (const text of given.from) {
    const { type, attrs } = specOf(text);
    const { ref = '', src = '' } = attrs;
    if (type === 'registry' && ref !== '') images.push(ref);
    else if (type === 'local' && src !== '') {
      const directory = resolve(cwd, src);
      if (await isThere(join(directory, 'index.json'))) {
        const name = `wharf-cache-${from.length}`;
        directories[name] = directory;
        from.push({ type, attrs: { ...attrs, src: name, shown: src } });
      } else warnings.push(`local cache import at ${src} not found: there is no index.json in it`);
    } else throw type === 'local' || type === 'registry' ? missing(text, type) : no('from', text);
  }
  return { inline, images, from, to, directories, warnings };
}

function missing(text: string, type: string): ExitError {
  return new ExitError(`--cache-from ${text}: ${type === 'local' ? 'src' : 'ref'} is required`, 1);
}

/** `type=local,dest=DIR`; a bare word is `inline`, or an image. */
function specOf(text: string): Spec {
  if (!text.includes('='))
    return text === 'inline' ? { type: 'inline', attrs: {} } : { type: 'registry', attrs: { ref: text } };
  const fields = csvFields(text).map((field) => field.split(/=(.*)/s) as [string, string | undefined]);
  const { type = '', ...attrs } = Object.fromEntries(fields.map(([key, value = '']) => [key.toLowerCase(), value]));
  return { type, attrs };
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Fetches the caches that a build has written, each into its directory. Blobs and other tags of before stay. */
export async function fetchCaches(
  { to }: Caches,
  waiting: ReadonlyMap<number, string>,
  { client, cwd }: CommandContext,
): Promise<void> {
  for (const [index, id] of waiting) {
    const { dest = '' } = to[index]?.attrs ?? {};
    const directory = resolve(cwd, dest);
    const before = await manifestsIn(directory);
    await unpack(await client.images.buildCache(id), directory, { what: 'the cache', modes: 'usual' });
    const now = await manifestsIn(directory);
    const tags = new Set(now.map(tagOf));
    const others = before.filter((manifest) => !tags.has(tagOf(manifest)));
    if (others.length > 0) await writeIndex(directory, [...others, ...now]);
  }
}

type Listed = Pick<Descriptor, 'annotations'>;

function tagOf({ annotations }: Listed): string | undefined {
  return annotations?.['org.opencontainers.image.ref.name'];
}

/** What a directory's index names; nothing if there is none that can be read. */
async function manifestsIn(directory: string): Promise<readonly Listed[]> {
  try {
    const { manifests } = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8')) as Partial<ImageIndex>;
    return Array.isArray(manifests) ? manifests : [];
  } catch {
    return [];
  }
}

async function writeIndex(directory: string, manifests: readonly Listed[]): Promise<void> {
  const path = join(directory, 'index.json');
  await writeFile(`${path}.new`, JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
  await rename(`${path}.new`, path);
}
