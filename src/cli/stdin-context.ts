import { PassThrough, pipeline, type Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { ExitError } from './errors.ts';

const TAR_MAGIC_AT = 257;
/** First bytes of gzip, bzip2, xz, zstd. */
const COMPRESSED = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58],
  [0x28, 0xb5, 0x2f, 0xfd],
];

/** A build context from stdin: a tar, compressed or not, is passed on; anything else is a Dockerfile without a context. */
export async function stdinContext(
  stdin: Readable,
  dockerfile: string | undefined,
): Promise<{ readonly tar: Readable; readonly dockerfile: string | undefined }> {
  let head = Buffer.alloc(0);
  const rest = stdin[Symbol.asyncIterator]();
  while (head.length < 512) {
    const next = await rest.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value as Buffer]);
  }
  if (head.length === 0) throw new ExitError('failed to peek context header from STDIN: EOF', 1);
  async function* all() {
    yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value as Buffer;
  }
  const isTar =
    head.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5).toString('latin1') === 'ustar' ||
    COMPRESSED.some((magic) => magic.every((byte, i) => head[i] === byte));
  const through = new PassThrough();
  if (isTar) {
    pipeline(all(), through, () => undefined);
    return { tar: through, dockerfile };
  }
  if (dockerfile !== undefined)
    throw new ExitError('ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles', 1);
  const parts: Buffer[] = [];
  for await (const part of all()) parts.push(part);
  const name = 'Dockerfile';
  const tar = pack();
  tar.entry({ name, mode: 0o600 }, Buffer.concat(parts));
  tar.finalize();
  pipeline(tar, through, () => undefined);
  return { tar: through, dockerfile: name };
}
