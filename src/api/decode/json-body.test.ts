import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from './json-body.ts';

const CASES: [text: string, message: string][] = [
  ['{invalid json', "invalid JSON: invalid character 'i' looking for beginning of object key string"],
  ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid JSON: invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid JSON: invalid character '2' after array element"],
  ['{"a":x}', "invalid JSON: invalid character 'x' looking for beginning of value"],
  ['<html>', "invalid JSON: invalid character '<' looking for beginning of value"],
  ['{"a":', 'invalid JSON: unexpected EOF'],
  ['{"a', 'invalid JSON: unexpected EOF'],
  ['{', 'invalid JSON: unexpected EOF'],
  ['{} trash', 'unexpected content after JSON'],
];
for (const [text, message] of CASES) {
  test(`body ${text}`, () => {
    assert.throws(() => parseJson(Buffer.from(text), { 'content-type': 'application/json' }), { message });
  });
}
