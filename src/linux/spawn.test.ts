import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ProcessExit, reap } from './process.ts';
import { spawnProgram } from './spawn.ts';

async function ended(pid: number): Promise<ProcessExit> {
  for (;;) {
    const exit = reap(pid);
    if (typeof exit === 'object') return exit;
    assert.equal(exit, 'running');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a program gets its descriptors, the environment, and every signal as it was born with', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-spawn-'));
  const [input, output] = ['in', 'out'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(input, 'from a file');
  const [from, to] = [openSync(input, 'r'), openSync(output, 'w')];
  try {
    process.env['WHARF_SPAWN_TEST'] = 'a b';
    const script = 'cat; echo " $WHARF_SPAWN_TEST $1"; grep -E "^Sig(Blk|Ign)" /proc/self/status; exit 7';
    const pid = spawnProgram('sh', ['-c', script, 'name', 'x  y'], [from, to, 'ignore']);
    assert.deepEqual(await ended(pid), { code: 7, signal: undefined });
    const [text, blocked, ignored] = readFileSync(output, 'utf8').split('\n');
    assert.equal(text, 'from a file a b x  y');
    assert.equal(signals(blocked), 0n);
    assert.equal(signals(ignored), 0n);
  } finally {
    delete process.env['WHARF_SPAWN_TEST'];
    closeSync(from);
    closeSync(to);
    rmSync(directory, { recursive: true });
  }
});

/** Without the C library's own two, 32 and 33, which nobody can set. */
function signals(line: string | undefined): bigint {
  return BigInt(`0x${line?.split('\t')[1]}`) & ~(3n << 31n);
}

test('a program that is not there is an error with its code', () => {
  assert.throws(() => spawnProgram('/no/such/program', [], ['ignore', 'ignore', 'ignore']), { code: 'ENOENT' });
});
