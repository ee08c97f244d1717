import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { CommandContext } from './command.ts';
import { writeStream } from './write-file.ts';

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'wharf-write-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const write = (cwd: string, file: string, text: string) =>
  writeStream(async () => Readable.from([text]), file, 'failed', { cwd } as CommandContext);

test('a file appears whole, and replaces an old one', async () => {
  using at = folder();
  writeFileSync(join(at.path, 'a'), 'old and longer');
  await write(at.path, 'a', 'new');
  assert.equal(readFileSync(join(at.path, 'a'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(at.path), ['a']);
});

test('a device is written into, not replaced', async () => {
  using at = folder();
  // The same as /dev/null, which a test should not bet on.
  execFileSync('mknod', [join(at.path, 'null'), 'c', '1', '3']);
  await write(at.path, 'null', 'gone');
  assert.ok(lstatSync(join(at.path, 'null')).isCharacterDevice());
});

test('a link stays, and what it leads to is replaced', async () => {
  using at = folder();
  writeFileSync(join(at.path, 'real'), 'old');
  symlinkSync('real', join(at.path, 'link'));
  await write(at.path, 'link', 'new');
  assert.ok(lstatSync(join(at.path, 'link')).isSymbolicLink());
  assert.equal(readFileSync(join(at.path, 'real'), 'utf8'), 'new');
});

test('a directory, a block device and a missing folder are refused', async () => {
  using at = folder();
  execFileSync('mknod', [join(at.path, 'disk'), 'b', '7', '200']);
  await assert.rejects(write(at.path, '.', 'x'), /failed: cannot write to a directory/);
  await assert.rejects(write(at.path, 'disk', 'x'), /"disk" must be a directory or a regular file: got a device/);
  await assert.rejects(write(at.path, 'no/a', 'x'), /invalid output path: stat no: no such file or directory/);
});
