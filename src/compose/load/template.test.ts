import assert from 'node:assert/strict';
import { test } from 'node:test';
import { substitute, TemplateError, variablesIn } from './template.ts';

const vars: Readonly<Record<string, string>> = { SET: 'value', EMPTY: '', NUM: '80' };
const CASES: readonly (readonly [string, string])[] = [
  ['plain', 'plain'],
  ['$SET', 'value'],
  ['${SET}', 'value'],
  ['${SET}x$NUM/y', 'valuex80/y'],
  ['$$SET', '$SET'],
  ['$$$SET', '$value'],
  ['$$$$', '$$'],
  ['a$', 'a$'],
  ['$1 $- $', '$1 $- $'],
  ['${UNSET:-d}', 'd'],
  ['${UNSET-d}', 'd'],
  ['${EMPTY:-d}', 'd'],
  ['${EMPTY-d}', ''],
  ['${SET:-d}', 'value'],
  ['${UNSET:-}', ''],
  ['${UNSET:-a:-b}', 'a:-b'],
  ['${UNSET:-http://x?y=1}', 'http://x?y=1'],
  ['${SET:+yes}', 'yes'],
  ['${EMPTY:+yes}', ''],
  ['${EMPTY+yes}', 'yes'],
  ['${UNSET+yes}', ''],
  ['${UNSET:-${SET}}', 'value'],
  ['${UNSET:-${ALSO:-deep}}', 'deep'],
  ['${UNSET:-${ALSO:-${SET:+x}}}end', 'xend'],
  ['${SET:?needed}', 'value'],
  ['${EMPTY?needed}', ''],
  ['${UNSET:-$$}', '$'],
  ['$SET.$NUM', 'value.80'],
  ['${UNSET}', ''],
];
for (const [template, expected] of CASES) {
  test(`substitutes ${template}`, () => assert.equal(substitute(template, { lookup: (n) => vars[n] }), expected));
}

for (const template of ['${', '${1}', '${A[@]}', '${A/x/y}', '${A.b}', '${}', '${A:=b}', '${SET:-${']) {
  test(`refuses ${template}`, () => {
    assert.throws(
      () => substitute(template, { lookup: (n) => vars[n] }),
      (e) => e instanceof TemplateError && e.kind === 'syntax',
    );
  });
}

for (const [template, message] of [
  ['${UNSET:?please set it}', 'required variable UNSET is missing a value: please set it'],
  ['${EMPTY:?}', 'required variable EMPTY is missing a value'],
  ['${UNSET?${SET}}', 'required variable UNSET is missing a value: value'],
] as const) {
  test(`requires ${template}`, () => {
    assert.throws(() => substitute(template, { lookup: (n) => vars[n] }), { message });
  });
}

test('tells of a variable that is not set, but not when there is a default', () => {
  const missing: string[] = [];
  substitute('$A ${B} ${C:-x} ${D+y} $SET', { lookup: (n) => vars[n], missing: (n) => missing.push(n) });
  assert.deepEqual(missing, ['A', 'B']);
});

test('variables of a template, nested ones too', () => {
  const named = (text: string): string[] =>
    variablesIn(text).map((v) => `${v.name}${v.required ? '!' : ''}|${v.fallback}|${v.alternative}`);
  assert.deepEqual(named('$A-${B:-x}-${C:?no}-${D+y}'), ['A||', 'B|x|', 'C!||', 'D||y']);
  assert.deepEqual(named('${A:-${B:-z}}$$C${D'), ['A|${B:-z}|', 'B|z|']);
  assert.deepEqual(named('a$ $1 ${'), []);
});
