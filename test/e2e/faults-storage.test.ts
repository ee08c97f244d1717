import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from './support/run.ts';

const MAIN = fileURLToPath(new URL('../faults/main.ts', import.meta.url));

/** Short forms of `npm run faults -- --scenario NAME`, with a seed of their own each time: it is in the output. */
for (const [scenario, what] of [
  ['disk-full', 'a full disk: commands tell so in one line, the store is as it was, and goes on when there is room'],
  ['inodes', 'a disk without inodes: the same'],
  ['read-only', 'a disk that gives errors: what runs goes on, after a repair all is there'],
  ['power-cut', 'the power goes: the store opens again, nothing that was acknowledged is lost'],
] as const) {
  test(what, { timeout: 200_000 }, async () => {
    const args = ['--disable-warning=ExperimentalWarning', MAIN, '--scenario', scenario, '--rounds', '2'];
    const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: 180_000 });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
  });
}
