import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandText, expandWord } from './expand.ts';

const VARS: Readonly<Record<string, string>> = {
  x: 'value',
  empty: '',
  path: '/usr/local/lib/a.tar.gz',
  _1: 'u',
  W: 'w',
  star: 'f*o*',
  uni: '日本',
};
const lookup = (name: string) => VARS[name];

const CASES: readonly (readonly [word: string, want: string])[] = [
  ['plain', 'plain'],
  ['$x', 'value'],
  ['${x}', 'value'],
  ['a${x}b', 'avalueb'],
  ['$x-tail', 'value-tail'],
  ['$_1', 'u'],
  ['$nope', ''],
  ['${nope}', ''],
  ['$', '$'],
  ['a$', 'a$'],
  ['$.', '$.'],
  ['$1a', 'a'],
  ['${x:-other}', 'value'],
  ['${empty:-other}', 'other'],
  ['${empty-other}', ''],
  ['${nope:-other}', 'other'],
  ['${nope-other}', 'other'],
  ['${nope:-}', ''],
  ['${nope:-${x}}', 'value'],
  ['${nope:-${other:-deep}}', 'deep'],
  ['${nope:-"a b"}', 'a b'],
  ['${x:+set}', 'set'],
  ['${empty:+set}', ''],
  ['${empty+set}', 'set'],
  ['${nope+set}', ''],
  ['${x:?no}', 'value'],
  ['${path#*/}', 'usr/local/lib/a.tar.gz'],
  ['${path##*/}', 'a.tar.gz'],
  ['${path%.*}', '/usr/local/lib/a.tar'],
  ['${path%%.*}', '/usr/local/lib/a'],
  ['${path%nomatch}', '/usr/local/lib/a.tar.gz'],
  ['${path/\\//-}', '-usr/local/lib/a.tar.gz'],
  ['${path//\\//-}', '-usr-local-lib-a.tar.gz'],
  ['${x/a?/A$W}', 'vAwue'],
  ['${star#f\\*}', 'o*'],
  ['${star//\\*/S}', 'fSoS'],
  ['${star%\\*}', 'f*o'],
  ['${x%%*}', ''],
  ['${x%*}', 'value'],
  ['${x##*}', ''],
  ['${x//*/z}', 'z'],
  ['${x#v*u}', 'e'],
  ['${x##*l}', 'ue'],
  ['${x%l*}', 'va'],
  ['${x//a*u/-}', 'v-e'],
  ['${x/*/}', ''],
  ['${uni#?}', '本'],
  ['${uni/本/x}', '日x'],
  ['${x/[v]/q}', 'value'],
  ["'$x'", '$x'],
  ['"$x y"', 'value y'],
  ['\'a\'"b"c', 'abc'],
  ['"a\\"b"', 'a"b'],
  ['"a\\nb"', 'a\\nb'],
  ['\\$x', '$x'],
  ['\\\\x', '\\x'],
  ['a\\ b', 'a b'],
  ["it\\'s", "it's"],
  ['ü$x', 'üvalue'],
];
for (const [word, want] of CASES) {
  test(`${word} expands to ${JSON.stringify(want)}`, () => assert.equal(expandWord(word, lookup, '\\'), want));
}

const WRONG: readonly (readonly [word: string, message: string])[] = [
  ['${x', `failed to process "\${x": syntax error: missing '}'`],
  ['${', `failed to process "\${": syntax error: missing '}'`],
  ['${}', 'failed to process "${}": syntax error: bad substitution'],
  ['${x:*y}', 'failed to process "${x:*y}": unsupported modifier (:*) in substitution'],
  ['${x^}', 'failed to process "${x^}": unsupported modifier (^) in substitution'],
  ["'abc", `failed to process "'abc": unexpected end of statement while looking for matching single-quote`],
  ['"abc', `failed to process "\\"abc": unexpected end of statement while looking for matching double-quote`],
  [
    '${x#\\v}',
    String.raw`failed to process "${'$'}{x#\\v}": invalid pattern (\v) in substitution: invalid escape '\v'`,
  ],
  ['${x/a}', 'failed to process "${x/a}": syntax error: missing \'/\' in ${}'],
  ['${nope?}', 'failed to process "${nope?}": nope: is not allowed to be unset'],
  ['${empty:?}', 'failed to process "${empty:?}": empty: is not allowed to be empty'],
  ['${nope:?give one}', 'failed to process "${nope:?give one}": nope: give one'],
];
for (const [word, message] of WRONG) {
  test(`${word} is refused`, () =>
    assert.throws(() => expandWord(word, lookup, '\\'), { code: 'EXPANSION_FAILED', message }));
}

test('a backtick as escape leaves backslashes alone', () => {
  assert.equal(expandWord('C:\\x\\`$x', lookup, '`'), 'C:\\x\\$x');
});

test('the body of a here-document keeps its quotes', () => {
  assert.equal(expandText(`"$x" 'it' \\$x \\n \\\\ \\"`, lookup), `"value" 'it' $x n \\ "`);
});

test('stars take no longer than looking through the value', () => {
  const value = 'a'.repeat(60_000);
  const text = `\${v#${'*a'.repeat(200)}b}\${v%b${'a*'.repeat(200)}}\${v//${'a*'.repeat(50)}b/x}`;
  assert.equal(
    expandWord(text, () => value, '\\'),
    value.repeat(3),
  );
});
