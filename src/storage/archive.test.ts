import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pack } from 'tar-stream';
import { unpackArchive } from './archive.ts';

test('unpacking tells the digests of files as they are in the end', async () => {
  await using root = await mkdtempDisposable(join(tmpdir(), 'archive-'));
  const tar = pack();
  tar.entry({ name: 'd', type: 'directory' });
  tar.entry({ name: 'd/twice' }, 'first');
  tar.entry({ name: 'link', type: 'symlink', linkname: 'd' });
  tar.entry({ name: 'link/twice' }, 'second, through a link');
  tar.entry({ name: './/d/./long' }, Buffer.alloc(300_000, 'x'));
  tar.entry({ name: 'empty' }, '');
  tar.entry({ name: 'ü' }, 'text');
  tar.entry({ name: 'hard', type: 'link', linkname: 'd/long' });
  tar.finalize();
  const digests = await unpackArchive(tar as AsyncIterable<Uint8Array>, root.path);
  assert.deepEqual([...digests.keys()].sort(), ['d/long', 'd/twice', 'empty', 'ü']);
  for (const [path, digest] of digests) {
    const content = await readFile(join(root.path, path));
    assert.equal(digest, createHash('sha256').update(content).digest('hex'), path);
  }
});
