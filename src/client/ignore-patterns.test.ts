import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IgnorePatterns } from './ignore-patterns.ts';

const CASES: readonly [file: string, ignored: readonly string[], kept: readonly string[]][] = [
  ['a', ['a', 'a/b', 'a/b/c'], ['b/a', 'ab']],
  ['/a/', ['a', 'a/b'], ['b/a']],
  ['./a//b/../c', ['a/c'], ['a/b', 'a']],
  ['*.md', ['x.md'], ['d/x.md', 'xmd']],
  ['*/temp*', ['a/temp', 'a/temporary.txt', 'b/temp/x'], ['temp', 'a/b/temp']],
  ['temp?', ['tempa', 'tempb'], ['temp', 'tempab', 'temp/']],
  ['**/x', ['x', 'a/x', 'a/b/x', 'x/y'], ['ax', 'a/xb']],
  ['**/*.go', ['a.go', 'd/a.go', 'd/e/a.go'], ['a.got']],
  ['**.log', ['a.log', 'd/a.log'], ['a.log.gz']],
  ['a/**', ['a/b', 'a/b/c'], ['a', 'b/a/c']],
  ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'az']],
  ['**', ['a', 'a/b'], []],
  ['*\n!keep', ['a', 'b/c'], ['keep', 'keep/x']],
  ['*.md\n!README*.md\nREADME-secret.md', ['a.md', 'README-secret.md'], ['README.md', 'README-x.md']],
  ['*.md\nREADME-secret.md\n!README*.md', ['a.md'], ['README.md', 'README-secret.md']],
  [
    'node_modules\n!node_modules/keep',
    ['node_modules', 'node_modules/a'],
    ['node_modules/keep', 'node_modules/keep/a'],
  ],
  ['# comment\n\n  a  \r\n! b', ['a'], ['b', '# comment']],
  ['\uFEFFa', ['a'], ['b']],
  ['[a-c]x', ['ax', 'cx'], ['dx', '[a-c]x']],
  ['[^a]x', ['bx'], ['ax']],
  ['\\*x', ['*x'], ['ax']],
  ['a.b+c(d)|{e}$', ['a.b+c(d)|{e}$'], ['aXb+c(d)|{e}$']],
  ['', [], ['a', '.dockerignore']],
];

for (const [file, ignored, kept] of CASES) {
  test(JSON.stringify(file), () => {
    const patterns = IgnorePatterns.parse(file);
    for (const path of ignored) assert.equal(patterns.ignores(path), true, `${path} is left out`);
    for (const path of kept) assert.equal(patterns.ignores(path), false, `${path} stays`);
  });
}

test('an ignored directory is read only if something in it may come back', () => {
  const may = (file: string, directory: string) => IgnorePatterns.parse(file).mayTakeBackBelow(directory);
  assert.equal(may('a', 'a'), false);
  assert.equal(may('a\n!b/c', 'a'), false);
  assert.equal(may('a\n!a/c', 'a'), true);
  assert.equal(may('a\n!a/b/c', 'a/b'), true);
  assert.equal(may('a\n!a/b/c', 'a/x'), false);
  assert.equal(may('*\n!**/keep', 'a/b'), true);
  assert.equal(may('*\n!*/keep', 'a'), true);
  assert.equal(may('*\n!x*', 'a'), false);
});

for (const bad of ['[', '[]', 'a[b', '!', 'a\\']) {
  test(`${bad} is refused`, () => {
    assert.throws(() => IgnorePatterns.parse(bad), { code: 'INVALID_IGNORE_PATTERN' });
  });
}
