import { createHash } from 'node:crypto';
import { defineError } from './errors.ts';

declare const kind: unique symbol;
/** `algorithm:hex`, lower case (OCI image-spec, descriptor.md, "Digests"). Only `parseDigest` and `sha256` make one. */
export type Digest = string & { readonly [kind]: 'digest' | 'diffID' | 'chainID' };
/** Names content: the digest of a layer's uncompressed tar. */
export type DiffId = Digest & { readonly [kind]: 'diffID' };
/** Names a position: a layer together with all the layers below it. */
export type ChainId = Digest & { readonly [kind]: 'chainID' };

const invalidDigest = defineError(
  'INVALID_DIGEST',
  'invalid',
  (f: { text: string }) => `invalid digest "${f.text}": expected sha256: and 64 hexadecimal digits`,
);

const DIGEST = /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** @throws {WharfError} `INVALID_DIGEST` */
export function parseDigest(text: string): Digest {
  if (!DIGEST.test(text)) throw invalidDigest({ text });
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The sha256 digest of bytes held in memory. */
export function sha256(bytes: string | NodeJS.ArrayBufferView): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** Digest of a stream already hashed by the caller: `hex` is the lower-case sha256. */
export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The hexadecimal part of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** chainIDs of a stack of layers, bottom first (OCI image-spec, config.md, "Layer ChainID"). */
export function chainIds(diffIds: readonly DiffId[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push((below === undefined ? diffId : sha256(`${below} ${diffId}`)) as ChainId);
  }
  return chain;
}
