import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { CONTEXT_MTIME } from './case.ts';

/** An image as two builders should agree on it. */
export interface ComparableImage {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly Readonly<Record<string, unknown>>[];
  /** One line a path: kind, mode, owner, link or content, extended attributes, and the time of what came from the context. */
  readonly files: readonly string[];
}

interface Entry {
  readonly header: Header;
  readonly content: Buffer;
}

/** Reads what `docker save` wrote: the image's configuration, and its layers one upon the other. */
export async function imageOf(saved: Buffer): Promise<ComparableImage> {
  const archive = new Map((await entriesOf(saved)).map((e) => [e.header.name, e.content]));
  const [manifest] = json(archive, 'manifest.json') as unknown as [{ Config: string; Layers: string[] }];
  const config = json(archive, manifest.Config) as {
    config?: Record<string, unknown>;
    history?: Record<string, unknown>[];
  } & Record<string, unknown>;
  const tree = new Map<string, string>();
  for (const layer of manifest.Layers) addLayer(tree, await entriesOf(plain(member(archive, layer))));
  return {
    config: {
      ...withoutEmpty(config.config ?? {}),
      ...withoutEmpty({ architecture: config['architecture'], os: config['os'], author: config['author'] }),
    },
    history: (config.history ?? []).map(({ created: _, ...step }) => withoutEmpty(step)),
    files: [...tree.keys()].sort().map((path) => `${path} ${tree.get(path)}`),
  };
}

/** Builders differ in whether they write what is not set as null, as an empty value or not at all; clients see no difference. */
function withoutEmpty(value: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (v: unknown) =>
    v === undefined || v === null || v === '' || v === false || (typeof v === 'object' && Object.keys(v).length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, v]) => !isEmpty(v)));
}

function member(archive: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const content = archive.get(name);
  if (content === undefined) throw new Error(`the archive has no ${name}: ${[...archive.keys()].join(' ')}`);
  return content;
}

function json(archive: ReadonlyMap<string, Buffer>, name: string): Record<string, unknown> {
  return JSON.parse(member(archive, name).toString()) as Record<string, unknown>;
}

function plain(layer: Buffer): Buffer {
  return layer[0] === 0x1f && layer[1] === 0x8b ? gunzipSync(layer) : layer;
}

async function entriesOf(tar: Buffer): Promise<Entry[]> {
  const reader = extract();
  reader.end(tar);
  const entries: Entry[] = [];
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    entries.push({ header: entry.header, content: Buffer.concat(chunks) });
  }
  return entries;
}

function addLayer(tree: Map<string, string>, entries: readonly Entry[]): void {
  const remove = (path: string, itself: boolean) => {
    for (const known of tree.keys()) {
      if ((itself && known === path) || known.startsWith(path === '/' ? '/' : `${path}/`)) tree.delete(known);
    }
  };
  // What a layer takes away is of the layers below, wherever its entry stands.
  for (const { header } of entries) {
    const path = pathOf(header);
    const name = posix.basename(path);
    if (name === '.wh..wh..opq') remove(posix.dirname(path), false);
    else if (name.startsWith('.wh.')) remove(posix.join(posix.dirname(path), name.slice('.wh.'.length)), true);
  }
  for (const entry of entries) {
    const path = pathOf(entry.header);
    if (posix.basename(path).startsWith('.wh.') || path === '/') continue;
    if (entry.header.type !== 'directory') remove(path, true);
    tree.set(path, describe(entry, tree));
  }
}

function pathOf({ name }: Header): string {
  return posix.join('/', name).replace(/(?<=.)\/$/, '');
}

function describe({ header, content }: Entry, tree: ReadonlyMap<string, string>): string {
  if (header.type === 'link') return tree.get(posix.join('/', header.linkname ?? '')) ?? 'link to nothing';
  const mtime = Math.trunc((header.mtime?.getTime() ?? 0) / 1000);
  const words = [
    header.type,
    (header.mode ?? 0).toString(8).padStart(4, '0'),
    `${header.uid}:${header.gid}`,
    header.type === 'symlink' ? `-> ${header.linkname}` : '',
    header.type === 'file' ? createHash('sha256').update(content).digest('hex').slice(0, 12) : '',
    ...Object.entries(header.pax ?? {})
      .filter(([key]) => key.startsWith('SCHILY.xattr.'))
      .map(([key, value]) => `${key.slice('SCHILY.xattr.'.length)}=${Buffer.from(String(value)).toString('hex')}`),
    mtime === CONTEXT_MTIME ? 'old' : '',
  ];
  return words.filter(Boolean).join(' ');
}
