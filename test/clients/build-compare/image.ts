import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';

/** An image as two builders should agree on it. */
export interface ComparableImage {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly Readonly<Record<string, unknown>>[];
  readonly layers: number;
  /** One line a path: kind, mode, owner, link or content, extended attributes, time of last change. */
  readonly files: readonly string[];
}

/** How images are read: one for all that are compared. */
export interface Reading {
  /** Times from then on (seconds) are those of the build: all are "new". */
  readonly since: number;
  /** For a file whose content tells when it was made: what is compared instead. Undefined for all others. */
  readonly contentOf?: (path: string) => ((content: Buffer) => Buffer) | undefined;
  /** Layers that were read already, by name: what images have in common is read once. */
  readonly layers: Map<string, readonly Entry[]>;
}

interface Entry {
  readonly path: string;
  readonly type: Header['type'];
  /** Of a hard link. */
  readonly target: string;
  readonly line: string;
}

/** Reads what `docker save` writes: the image's configuration, and its layers one upon the other. */
export async function imageOf(saved: Readable, reading: Reading): Promise<ComparableImage> {
  const documents = new Map<string, Buffer>();
  for await (const member of extractOf(saved)) {
    const { name } = member.header;
    if (reading.layers.has(name)) {
      for await (const _ of member);
      continue;
    }
    const chunks = member[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = await chunks.next();
    const begin = first.done === true ? undefined : first.value;
    const whole = Readable.from(continued(begin, chunks));
    if (begin?.[0] === CHARACTER['{'] || begin?.[0] === CHARACTER['[']) documents.set(name, await wholeOf(whole));
    else reading.layers.set(name, await entriesOf(begin?.[0] === 0x1f ? whole.pipe(createGunzip()) : whole, reading));
  }
  const [manifest] = json(documents, 'manifest.json') as unknown as [{ Config: string; Layers: string[] }];
  const config = json(documents, manifest.Config) as {
    config?: Record<string, unknown>;
    history?: Record<string, unknown>[];
  } & Record<string, unknown>;
  const tree = new Map<string, string>();
  for (const layer of manifest.Layers) addLayer(tree, named(reading.layers, layer));
  return {
    config: {
      ...withoutEmpty(config.config ?? {}),
      ...withoutEmpty({ architecture: config['architecture'], os: config['os'], author: config['author'] }),
    },
    history: (config.history ?? []).map(({ created: _, ...step }) => withoutEmpty(step)),
    layers: manifest.Layers.length,
    files: [...tree.keys()].sort().map((path) => `${path} ${tree.get(path)}`),
  };
}

const CHARACTER = { '{': 0x7b, '[': 0x5b };

async function* continued(begin: Buffer | undefined, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (begin === undefined) return;
  yield begin;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

function extractOf(tar: Readable) {
  const reader = extract();
  tar.once('error', (e) => reader.destroy(e));
  return tar.pipe(reader);
}

/** Builders differ in whether they write what is not set as null, as an empty value or not at all; clients see no difference. */
function withoutEmpty(value: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (v: unknown) =>
    v === undefined || v === null || v === '' || v === false || (typeof v === 'object' && Object.keys(v).length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, v]) => !isEmpty(v)));
}

function named<T>(members: ReadonlyMap<string, T>, name: string): T {
  const content = members.get(name);
  if (content === undefined) throw new Error(`the archive has no ${name}: ${[...members.keys()].join(' ')}`);
  return content;
}

function json(documents: ReadonlyMap<string, Buffer>, name: string): Record<string, unknown> {
  return JSON.parse(named(documents, name).toString()) as Record<string, unknown>;
}

async function wholeOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function entriesOf(layer: Readable, reading: Reading): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of extractOf(layer)) {
    const { header } = entry;
    const path = pathOf(header.name);
    const digest = await digestOf(entry as AsyncIterable<Buffer>, reading.contentOf?.(path));
    const line = describe(header, digest, reading.since);
    entries.push({ path, type: header.type, target: pathOf(header.linkname ?? ''), line });
  }
  return entries;
}

async function digestOf(content: AsyncIterable<Buffer>, read?: (content: Buffer) => Buffer): Promise<string> {
  const hash = createHash('sha256');
  if (read !== undefined) hash.update(read(await wholeOf(content)));
  else for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex').slice(0, 12);
}

function addLayer(tree: Map<string, string>, entries: readonly Entry[]): void {
  // What a layer takes away is of the layers below, wherever its entry stands.
  const gone = new Set<string>();
  const emptied = new Set<string>();
  for (const { path } of entries) {
    const name = posix.basename(path);
    if (name === '.wh..wh..opq') emptied.add(posix.dirname(path));
    else if (name.startsWith('.wh.')) gone.add(posix.join(posix.dirname(path), name.slice('.wh.'.length)));
  }
  for (const { path, type } of entries) if (type !== 'directory') gone.add(path);
  for (const path of tree.keys())
    if (gone.has(path) || isBelow(path, gone) || isBelow(path, emptied)) tree.delete(path);
  for (const { path, type, target, line } of entries) {
    if (posix.basename(path).startsWith('.wh.') || path === '/') continue;
    tree.set(path, type === 'link' ? (tree.get(target) ?? 'link to nothing') : line);
  }
}

function isBelow(path: string, directories: ReadonlySet<string>): boolean {
  if (directories.size === 0) return false;
  for (let at = path; at !== '/'; ) {
    at = posix.dirname(at);
    if (directories.has(at)) return true;
  }
  return false;
}

function pathOf(name: string): string {
  return posix.join('/', name).replace(/(?<=.)\/$/, '');
}

function describe(header: Header, digest: string, since: number): string {
  const mtime = Math.trunc((header.mtime?.getTime() ?? 0) / 1000);
  const words = [
    header.type,
    (header.mode ?? 0).toString(8).padStart(4, '0'),
    `${header.uid}:${header.gid}`,
    header.type === 'symlink' ? `-> ${header.linkname}` : '',
    header.type === 'file' ? digest : '',
    header.type.endsWith('-device') ? `${header.devmajor}:${header.devminor}` : '',
    ...Object.entries(header.pax ?? {})
      .filter(([key]) => key.startsWith('SCHILY.xattr.'))
      .map(([key, value]) => `${key.slice('SCHILY.xattr.'.length)}=${Buffer.from(String(value)).toString('hex')}`),
    mtime < since ? new Date(mtime * 1000).toISOString() : 'new',
  ];
  return words.filter(Boolean).join(' ');
}
