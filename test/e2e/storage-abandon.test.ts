import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { gather, leftovers, open, temporaryRoot } from './storage-support.ts';

async function tarOf(bytes: Buffer): Promise<Buffer> {
  const tar = pack();
  for (let i = 0; i < 40; i++) tar.entry({ name: `file${i}` }, bytes);
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

test('layers that nobody wants any more are given up at any moment, and the process lives on', {
  timeout: 120_000,
}, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  const { layers } = storage;
  const tar = await tarOf(randomBytes(300_000));
  const blob = gzipSync(tar, { level: 1 });
  for (let round = 0; round < 30; round++) {
    // A source that fails somewhere.
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      const end = Math.floor((blob.length * (round + 1)) / 31);
      for (let at = 0; at < end; at += 65_536) yield blob.subarray(at, Math.min(end, at + 65_536));
      throw new Error('the source has failed');
    };
    const aborter = new AbortController();
    const aborted = layers.stage(Readable.from([blob, blob]), { signal: aborter.signal }).then(
      (staged) => staged[Symbol.asyncDispose](),
      () => undefined,
    );
    const failed = layers.stage(broken());
    setTimeout(() => aborter.abort(), round * 3);
    await assert.rejects(failed, /the source has failed/);
    await aborted;
  }
  assert.deepEqual(leftovers(root), { tmp: [], layers: [], snapshots: [] });

  const layer = await layers.apply(null, Readable.from([blob]));
  for (let round = 0; round < 30; round++) {
    let read = 0;
    for await (const piece of layers.compressed(layer.chainId, () => undefined)) {
      read += piece.length;
      if (read > round * 300_000) break; // the reader leaves
    }
  }
  assert.deepEqual(await gather(await layers.tar(layer.chainId)), tar);
});
