import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { removeTree } from './remove-tree.ts';

test('a directory is removed with all that is in it, and one that is not there is fine', async () => {
  const path = mkdtempSync(join(tmpdir(), 'wharf-remove-'));
  mkdirSync(join(path, 'deep/deeper'), { recursive: true });
  writeFileSync(join(path, 'deep/file'), '');
  await removeTree(path);
  assert.equal(existsSync(path), false);
  await removeTree(path);
});

test('a lack of open files is waited out, other failures are told at once', () => {
  const path = mkdtempSync(join(tmpdir(), 'wharf-remove-'));
  try {
    mkdirSync(join(path, 'deep'));
    const module = JSON.stringify(fileURLToPath(new URL('remove-tree.ts', import.meta.url)));
    // All descriptors are taken, and given back while the removal waits.
    const script = `import { closeSync, openSync } from 'node:fs';
import { removeTree } from ${module};
await removeTree('/proc/self/fd').then(() => console.log('removed'), (e) => console.log(e.code));
const held = [];
try { for (;;) held.push(openSync('/dev/null')); } catch (e) { console.log(e.code); }
setTimeout(() => { for (const fd of held) closeSync(fd); }, 150);
await removeTree(${JSON.stringify(path)});
console.log('removed');`;
    const limited = [
      '--nofile=64',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
    ];
    assert.equal(execFileSync('prlimit', [...limited, script], { encoding: 'utf8' }), 'EPERM\nEMFILE\nremoved\n');
    assert.equal(existsSync(path), false);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});
