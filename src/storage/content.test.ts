import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from '../core/digest.ts';
import { FileContentStore } from './content.ts';
import { SqliteDatabase } from './database.ts';
import { openLayout } from './layout.ts';

test('a blob is there whole and verified, or not at all', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-content-'));
  t.after(() => rmSync(root, { recursive: true }));
  const layout = openLayout(root);
  const store = new FileContentStore(layout);
  const digest = sha256('hello');
  const other = sha256('other');
  assert.deepEqual(await store.ingest(Buffer.from('hello'), { digest, sizeBytes: 5 }), { digest, sizeBytes: 5 });
  assert.deepEqual(await store.ingest(pieces('hel', 'lo')), { digest, sizeBytes: 5 });
  assert.equal((await store.read(digest)).toString(), 'hello');
  assert.equal((await store.open(digest, { start: 1, end: 3 }).toArray()).join(''), 'ell');
  await assert.rejects(store.ingest(pieces('x'), { digest: other }), { code: 'DIGEST_MISMATCH' });
  await assert.rejects(store.ingest(pieces('hello'), { sizeBytes: 4 }), { code: 'SIZE_MISMATCH' });
  await assert.rejects(store.ingest(pieces('hello'), { sizeBytes: 6 }), { code: 'SIZE_MISMATCH' });
  await assert.rejects(store.ingest(pieces('hello'), {}, AbortSignal.abort()), { name: 'AbortError' });
  await assert.rejects(store.read(other), { code: 'BLOB_NOT_FOUND' });
  assert.deepEqual(store.list(), [{ digest, sizeBytes: 5 }]);
  await store.remove(digest);
  await store.remove(digest);
  assert.equal(store.find(digest), undefined);
  assert.deepEqual(readdirSync(layout.tmp), []);
});

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

test('documents keep their order, and a transaction is kept whole or not at all', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-db-'));
  t.after(() => rmSync(root, { recursive: true }));
  const path = join(root, 'x.db');
  const db = new SqliteDatabase(path);
  const things = db.collection<{ n: number }>('things');
  db.transaction(() => {
    things.put('b', { n: 1 });
    db.transaction(() => things.put('a', { n: 2 }), { durable: true });
  });
  things.put('b', { n: 3 });
  assert.throws(
    () =>
      db.transaction(
        () => {
          things.put('c', { n: 4 });
          things.delete('a');
          throw new Error('no');
        },
        { durable: true },
      ),
    /no/,
  );
  assert.equal(db.collection('others').get('a'), undefined);
  db.close();
  const again = new SqliteDatabase(path);
  assert.deepEqual(again.collection('things').entries(), [
    ['b', { n: 3 }],
    ['a', { n: 2 }],
  ]);
  assert.equal(again.collection('things').delete('zzz'), false);
  again.close();
});
