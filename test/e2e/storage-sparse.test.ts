import assert from 'node:assert/strict';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gather, open, sh, temporaryRoot } from './storage-support.ts';

test('sparse files keep content, length and holes, in every format that tar writes', { timeout: 60_000 }, async (t) => {
  const root = temporaryRoot(t);
  await using storage = await open(root);
  await sh(
    `mkdir -p ${root}/tree && cd ${root}/tree && truncate -s 20M empty holes many ending
     echo middle | dd of=holes bs=1 seek=9000000 conv=notrunc status=none
     for i in $(seq 1 60); do echo $i | dd of=many bs=1 seek=$((i * 200000)) conv=notrunc status=none; done
     printf end | dd of=ending bs=1 seek=20971517 conv=notrunc status=none; echo plain > plain`,
  );
  for (const format of [
    '--format=gnu',
    '--format=pax --sparse-version=1.0',
    '--format=pax --sparse-version=0.1',
    '--format=pax --sparse-version=0.0',
  ]) {
    const file = join(root, 'l.tar');
    await sh(`tar --sparse ${format} -C ${root}/tree -cf ${file} .`);
    assert.ok(statSync(file).size < 2_000_000, format);
    const layer = await storage.layers.apply(null, createReadStream(file));
    const [directory = ''] = storage.layers.lowerDirs(layer.chainId);
    for (const name of ['empty', 'holes', 'many', 'ending', 'plain']) {
      const made = readFileSync(join(directory, name));
      assert.ok(made.equals(readFileSync(join(root, 'tree', name))), `${format}: ${name}`);
      if (name !== 'plain') assert.ok(statSync(join(directory, name)).blocks * 512 < 2_000_000, `${format}: ${name}`);
    }
    assert.ok((await gather(await storage.layers.tar(layer.chainId))).equals(readFileSync(file)), format);
    await storage.layers.remove(layer.chainId);
  }
});
