import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { decompress } from './decompress.ts';

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function plain(bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(chunksOf(bytes))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const text = Buffer.from('all work and no play '.repeat(50_000));
for (const program of ['bzip2', 'xz']) {
  const packed = execFileSync(program, ['-c'], { input: text });

  test(`${program}: whole, broken off, cut short, without the program`, async () => {
    assert.ok(text.equals(await plain(packed)));
    for await (const chunk of decompress(chunksOf(packed))) {
      assert.ok(chunk.length > 0);
      break;
    }
    await assert.rejects(plain(packed.subarray(0, packed.length - 20)), {
      message: new RegExp(`${program} cannot read it`),
    });
    const { PATH } = process.env;
    process.env['PATH'] = '/nowhere';
    try {
      await assert.rejects(plain(packed), { message: new RegExp(`the program ${program} is needed`) });
    } finally {
      process.env['PATH'] = PATH;
    }
  });
}
