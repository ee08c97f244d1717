import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonObjects } from './json-stream.ts';

const CASES: readonly [name: string, text: string, objects: unknown[]][] = [
  ['one a line', '{"a":1}\n{"b":2}\r\n', [{ a: 1 }, { b: 2 }]],
  ['joined without a separator', '{"a":1}{"b":{"c":[{}]}}', [{ a: 1 }, { b: { c: [{}] } }]],
  ['braces and quotes in strings', '{"a":"}{\\"}"}\n{"b":"\\\\"}', [{ a: '}{"}' }, { b: '\\' }]],
  ['letters of several bytes', '{"a":"→ü𝄞"}', [{ a: '→ü𝄞' }]],
  ['cut at the end', '{"a":1}\n{"b":', [{ a: 1 }]],
  ['nothing', '', []],
];

for (const [name, text, objects] of CASES) {
  test(`${name}, however it is chunked`, async () => {
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 5, bytes.length || 1]) {
      const got = [];
      for await (const object of jsonObjects(chunks(bytes, size))) got.push(object);
      assert.deepEqual(got, objects, `chunks of ${size}`);
    }
  });
}

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}
