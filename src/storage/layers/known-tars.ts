import { createHash } from 'node:crypto';
import type { DiffId } from '../../core/digest.ts';
import type { Collection, Database, Filling } from '../contract.ts';
import { byteString } from '../tar/entry.ts';
import { packTree } from '../tar/pack.ts';

/** Less than this is digested as fast as it is looked up. */
const LEAST_BYTES = 16 * 1024 * 1024;
const MOST = 1000;

export interface DigestedTar {
  readonly diffId: DiffId;
  readonly tarBytes: number;
}

interface Known extends DigestedTar {
  /** Digest of the tar's outline. */
  readonly outline: string;
}

/** What is said of a tar that is to be digested. */
export interface TarQuestion {
  readonly tree: string;
  readonly sizeBytes: number;
  readonly clampSeconds?: number | undefined;
  readonly filling: Filling | undefined;
}

/**
 * Digests of tars of large files whose own digests are known: the same files copied again, say on a new base, need not be digested
 * again. What stands for such a tar is its outline: the tar with the digest of a file where its content would be.
 */
export class KnownTars {
  readonly #known: Collection<Known>;

  constructor(db: Database) {
    this.#known = db.collection('layer-tars');
  }

  /** The digest of a tar that was made before; else it is made by `digest`, and noted. */
  async digestOf(question: TarQuestion, digest: () => Promise<DigestedTar>): Promise<DigestedTar> {
    const contents = contentsOf(question);
    if (contents === undefined) return digest();
    const known = this.#known.get(contents);
    const before = known && outlineOf(question);
    if (known !== undefined && known.outline === before) return known;
    const made = await digest();
    this.#known.put(contents, { ...made, outline: before ?? outlineOf(question) });
    return made;
  }

  /** Forgets the oldest of too many. */
  trim(): void {
    for (const [key] of this.#known.entries().slice(0, -MOST)) this.#known.delete(key);
  }
}

/** Which contents there are, if they are most of the tar, and all known. */
function contentsOf({ filling, sizeBytes }: TarQuestion): string | undefined {
  if (filling === undefined) return undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  for (const [name, { digest, sizeBytes: size }] of filling.files) {
    if (digest === undefined) return undefined;
    bytes += size;
    hash.update(`${name}\0${digest}\n`);
  }
  return bytes < Math.max(LEAST_BYTES, sizeBytes / 2) ? undefined : hash.digest('hex');
}

function outlineOf({ tree, clampSeconds, filling }: TarQuestion): string {
  const hash = createHash('sha256');
  const awaited = new Map([...(filling?.files ?? [])].map(([name, file]) => [byteString(name), file]));
  const options = { whiteouts: 'overlay', passing: true, awaited, outline: true, clampSeconds } as const;
  for (const chunk of packTree(tree, options)) hash.update(chunk);
  return hash.digest('hex');
}
