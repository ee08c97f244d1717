import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIgnore } from './ignore.ts';

const CASES: readonly (readonly [rules: string, excluded: readonly string[], kept: readonly string[]])[] = [
  ['foo', ['foo', 'foo/bar', 'foo/bar/baz'], ['x/foo', 'food', 'fo']],
  ['**/foo', ['foo', 'x/foo', 'x/y/foo', 'x/foo/z'], ['food']],
  ['*.md', ['a.md'], ['d/a.md', 'a.mdx']],
  ['**/*.md', ['a.md', 'd/a.md', 'd/e/a.md'], ['a.txt']],
  ['dir/**', ['dir/a', 'dir/b/c'], ['dir', 'dira']],
  ['a?c', ['abc'], ['ac', 'a/c', 'abbc']],
  ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
  ['[^a]x', ['bx'], ['ax', '/x']],
  ['/foo/', ['foo', 'foo/a'], ['a/foo']],
  ['./foo//bar', ['foo/bar'], ['foo']],
  ['*\n!src', ['a', 'a/b'], ['src', 'src/a']],
  ['*\n!src\nsrc/x', ['a', 'src/x', 'src/x/y'], ['src', 'src/a']],
  ['a\n!a/b', ['a/c', 'a'], ['a/b', 'a/b/c']],
  ['# comment\n  # is a pattern', [], ['a', '# comment']],
  ['\uFEFFfoo\r\nbar\r\n', ['foo', 'bar'], ['baz']],
  ['! a\n', [], ['a']],
  ['foo\\*', ['foo*'], ['foox']],
  ['a.b', ['a.b'], ['axb']],
  ['node_modules\n**/.git', ['node_modules/x', '.git', 's/.git/config'], ['src/node_modules', 'a.git']],
  ['.', [], ['a']],
];
for (const [rules, excluded, kept] of CASES) {
  test(`.dockerignore ${JSON.stringify(rules)}`, () => {
    const parsed = parseIgnore(rules);
    assert.deepEqual(
      excluded.filter((p) => !parsed.excludes(p)),
      [],
      'should be excluded',
    );
    assert.deepEqual(
      kept.filter((p) => parsed.excludes(p)),
      [],
      'should be kept',
    );
  });
}

test('a lone ! is refused', () => {
  assert.throws(() => parseIgnore('a\n!\n'), {
    message: 'cannot read the build context: illegal exclusion pattern: "!"',
  });
});
test('an unclosed bracket is refused', () => assert.throws(() => parseIgnore('[a'), { code: 'BAD_CONTEXT' }));

const TAKEN_BACK: readonly (readonly [rules: string, directory: string, may: boolean])[] = [
  ['*', 'src', false],
  ['*\n!src/a', 'src', true],
  ['*\n!src/a', 'lib', false],
  ['*\n!src', 'src/deep/er', true],
  ['*\n!**/*.md', 'any/where', true],
  ['*\n!s*/x/y', 'sub/x', true],
  ['*\n!s*/x/y', 'sub/z', false],
];
for (const [rules, directory, may] of TAKEN_BACK) {
  test(`.dockerignore ${JSON.stringify(rules)}: ${may ? 'something' : 'nothing'} is taken back below ${directory}`, () =>
    assert.equal(parseIgnore(rules).mayTakeBackBelow(directory), may));
}
