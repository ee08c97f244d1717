import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packTree } from './pack.ts';

test('a tar whose chunks are only looked at has the same bytes', () => {
  const root = mkdtempSync(join(tmpdir(), 'wharf-pack-'));
  try {
    mkdirSync(join(root, 'd'));
    symlinkSync('../a', join(root, 'd/l'));
    // Sizes at the borders of blocks and of the buffer.
    for (const size of [0, 1, 511, 512, 513, 261_120, 261_632, 262_143, 262_144, 262_145, 1_000_000]) {
      writeFileSync(join(root, `f${size}`), Buffer.alloc(size, String(size)));
    }
    const digest = (passing: boolean) => {
      const hash = createHash('sha256');
      let bytes = 0;
      for (const chunk of packTree(root, { whiteouts: 'overlay', passing })) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      return [hash.digest('hex'), bytes];
    };
    assert.deepEqual(digest(true), digest(false));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
