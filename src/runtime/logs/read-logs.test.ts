import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLog } from './read-logs.ts';

function record(n: number): string {
  const time = `2026-01-01T00:00:00.${String(n).padStart(9, '0')}Z`;
  return `${JSON.stringify({ log: `line ${n}\n`, stream: 'stdout', time })}\n`;
}

test('the last lines are so many although the log grows while they are read', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-read-logs-'));
  try {
    const path = join(directory, 'json.log');
    // More than a reader takes at once, so that it must come back for the rest.
    const count = 20_000;
    writeFileSync(path, Array.from({ length: count }, (_, i) => record(i)).join(''));
    const stream = readLog(path, { stdout: true, stderr: true, timestamps: false, tty: true, tail: 10_000 });
    let text = '';
    for await (const chunk of stream) {
      appendFileSync(path, record(count));
      text += String(chunk);
    }
    const lines = text.trimEnd().split('\n');
    assert.equal(lines.length, 10_000);
    assert.equal(lines.at(-1), `line ${count - 1}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
