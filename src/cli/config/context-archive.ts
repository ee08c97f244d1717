import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inflateRawSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { ExitError } from '../errors.ts';
import { TLS_NAMES, type ContextMeta, type TlsFiles } from './contexts.ts';

/** What a file of more than this many bytes is, is no context; the docker CLI draws the line there too. */
const LARGEST = 10 << 20;

/** A context as the tar that `docker context export` writes: `meta.json`, and PEM files below `tls/docker/`. */
export function exportedContext(meta: ContextMeta, tls: TlsFiles): Readable {
  const tar = pack();
  const mtime = new Date(0);
  tar.entry({ name: 'meta.json', mode: 0o644, mtime }, JSON.stringify(meta));
  tar.entry({ name: 'tls', type: 'directory', mode: 0o700, mtime });
  tar.entry({ name: 'tls/docker', type: 'directory', mode: 0o700, mtime });
  for (const key of ['ca', 'cert', 'key'] as const) {
    const text = tls[key];
    if (text !== undefined) tar.entry({ name: `tls/docker/${TLS_NAMES[key]}`, mode: 0o600, mtime }, text);
  }
  tar.finalize();
  return Readable.from(tar);
}

/** Reads what `exportedContext` wrote, or the same files in a zip. @throws {ExitError} for anything else in it */
export async function importedContext(bytes: Buffer): Promise<{ meta: ContextMeta; tls: TlsFiles }> {
  if (bytes.length > LARGEST) throw new ExitError('read exceeds the defined limit', 1);
  const files = bytes.subarray(0, 4).equals(Buffer.from('PK\x03\x04')) ? zipFiles(bytes) : await tarFiles(bytes);
  let meta: ContextMeta | undefined;
  const tls: { ca?: string; cert?: string; key?: string } = {};
  for (const [name, content] of files) {
    if (name === 'meta.json') meta = parsedMeta(content.toString('utf8'));
    else if (!name.startsWith('tls/')) throw new ExitError(`${name}: unexpected context file`, 1);
    else {
      const key = (['ca', 'cert', 'key'] as const).find((k) => name === `tls/docker/${TLS_NAMES[k]}`);
      if (key !== undefined) tls[key] = content.toString('utf8');
    }
  }
  if (meta === undefined) throw new ExitError('invalid context: no metadata found', 1);
  return { meta, tls };
}

function parsedMeta(text: string): ContextMeta {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new ExitError(`invalid context: meta.json is not valid JSON: ${(e as Error).message}`, 1, e);
  }
  const meta = (value ?? {}) as Partial<ContextMeta>;
  return { Name: meta.Name ?? '', Metadata: meta.Metadata ?? {}, Endpoints: meta.Endpoints ?? {} };
}

/** The tar may end without the blocks of zeros: docker's does. */
async function tarFiles(bytes: Buffer): Promise<[name: string, content: Buffer][]> {
  const files: [string, Buffer][] = [];
  const reader = extract();
  reader.end(Buffer.concat([bytes, Buffer.alloc(1024 + ((512 - (bytes.length % 512)) % 512))]));
  try {
    for await (const entry of reader) {
      const { name, type } = entry.header;
      if (type === 'directory') entry.resume();
      else files.push([name, await buffer(entry)]);
    }
  } catch (e) {
    throw new ExitError('unexpected EOF', 1, e);
  }
  return files;
}

/** By the directory at a zip's end (APPNOTE 4.3.12, 4.3.16); stored or deflated files. */
function zipFiles(bytes: Buffer): [name: string, content: Buffer][] {
  const bad = () => new ExitError('zip: not a valid zip file', 1);
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06'));
  if (end < 0 || end + 22 > bytes.length) throw bad();
  const files: [string, Buffer][] = [];
  let at = bytes.readUInt32LE(end + 16);
  try {
    for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
      const [method, size, nameLength] = [
        bytes.readUInt16LE(at + 10),
        bytes.readUInt32LE(at + 20),
        bytes.readUInt16LE(at + 28),
      ];
      const header = bytes.readUInt32LE(at + 42);
      const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
      const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
      const packed = bytes.subarray(start, start + size);
      const content = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: LARGEST });
      if (!name.endsWith('/')) files.push([name, content]);
      at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    }
  } catch (e) {
    if (e instanceof ExitError) throw e;
    throw bad();
  }
  return files;
}
