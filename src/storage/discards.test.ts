import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Discards } from './discards.ts';

test('what is discarded is out of its place at once, and gone when the store is closed, whoever waits for it', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-discards-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [tmp, layer] = [join(root, 'tmp'), join(root, 'layer')];
  for (const directory of [tmp, layer]) mkdirSync(directory);
  for (let i = 0; i < 300; i++) writeFileSync(join(layer, `${i}`), '');
  const discards = new Discards(tmp);
  void discards.discard(layer);
  assert.deepEqual([existsSync(layer), readdirSync(tmp).length], [false, 1]);
  await discards[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(tmp), []);
  await assert.rejects(discards.discard(layer), { code: 'ENOENT' });
});
