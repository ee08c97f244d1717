import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DiffId } from '../../core/digest.ts';
import type { AwaitedFile, Filling } from '../contract.ts';
import { SqliteDatabase } from '../database.ts';
import { KnownTars } from './known-tars.ts';

const LARGE = 16 * 1024 * 1024;
const HOUR_NANOS = 3_600_000_000_000n;

test('a tar is digested once, unless anything about it is another', async () => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-tars-'));
  try {
    const db = new SqliteDatabase(join(root, 'db'));
    const known = new KnownTars(db);
    const tree = join(root, 'tree');
    mkdirSync(tree);
    writeFileSync(join(tree, 'large'), '', { mode: 0o644 });
    truncateSync(join(tree, 'large'), LARGE);
    writeFileSync(join(tree, 'small'), 'small');
    for (const path of ['large', 'small', '.']) utimesSync(join(tree, path), 1, 1);
    const file = (content: string, more: Partial<AwaitedFile> = {}): AwaitedFile => ({
      mtimeNs: HOUR_NANOS,
      sizeBytes: LARGE,
      digest: createHash('sha256').update(content).digest('hex'),
      open: () => assert.fail('nothing is read'),
      close: () => undefined,
      ...more,
    });
    let digested = 0;
    const ask = async (large: AwaitedFile, sizeBytes = LARGE + 5): Promise<boolean> => {
      const filling: Filling = { files: new Map([['large', large]]), fill: () => Promise.resolve() };
      const before = digested;
      const { diffId } = await known.digestOf({ tree, sizeBytes, filling }, async () => {
        digested++;
        return { diffId: `sha256:${digested}` as DiffId, tarBytes: LARGE };
      });
      assert.ok(diffId.length > 7);
      return digested > before;
    };
    assert.equal(await ask(file('x')), true);
    assert.equal(await ask(file('x')), false);
    assert.equal(await ask(file('y')), true, 'another content');
    assert.equal(await ask(file('x', { mtimeNs: HOUR_NANOS * 2n })), true, 'another time');
    assert.equal(await ask(file('x', { mtimeNs: HOUR_NANOS * 2n })), false);
    writeFileSync(join(tree, 'small'), 'SMALL');
    utimesSync(join(tree, 'small'), 1, 1);
    assert.equal(await ask(file('x', { mtimeNs: HOUR_NANOS * 2n })), true, 'another small file');
    chmodSync(join(tree, 'small'), 0o755);
    assert.equal(await ask(file('x', { mtimeNs: HOUR_NANOS * 2n })), true, 'another mode');
    assert.equal(await ask(file('x', { digest: undefined })), true, 'a content that nobody knows');
    assert.equal(await ask(file('x', { digest: undefined })), true);
    assert.equal(await ask(file('z'), LARGE * 3), true, 'much besides');
    assert.equal(await ask(file('z'), LARGE * 3), true);
    db.close();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
