import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from '../../src/compose/load/parse-yaml.ts';
import { busyboxTar } from '../e2e/support/busybox.ts';
import fc from 'fast-check';
import { readCorpus } from './corpus.ts';
import { damaged, fuzz, textOf } from './fuzz.ts';
import { tryInput } from './target.ts';
import { TARGETS } from './targets/index.ts';

const noise = fc.uint8Array({ maxLength: 2048 }).map((array) => Buffer.from(array));

for (const [name, target] of Object.entries(TARGETS)) {
  const corpus = readCorpus(name);
  test(`${name}: the corpus is taken or refused`, () => {
    assert.ok(corpus.length > 0, `no corpus: npm run fuzz -- ${name}`);
    for (const input of corpus) tryInput(target, input);
  });
  const texts = textOf(target.words).map((text) => Buffer.from(text));
  fuzz(name, fc.oneof(texts, damaged(corpus), noise), (input) => tryInput(target, input));
}

test('an anchor that contains itself is refused with its place', () => {
  assert.throws(() => parseYaml('x-a: &x\n  b: *x\n', 'compose.yaml'), /anchor "x" contains itself/);
});

const layer = (await busyboxTar()).subarray(0, 512 * 24);
fuzz('tar of busybox', damaged([layer]), (input) => {
  const target = TARGETS['tar'];
  assert.ok(target);
  tryInput(target, Buffer.concat([Buffer.of(input.length % 256), input]));
});
