import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from './support/run.ts';

const MAIN = fileURLToPath(new URL('../faults/main.ts', import.meta.url));

/** A short form of `npm run faults`, with a seed of its own each time: it is in the output. */
test('kill -9 of daemon, monitor and clients in the middle of work breaks no promise', {
  timeout: 200_000,
}, async () => {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--rounds', '10', '--seconds', '30'];
  const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: 180_000 });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
});
