import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DotenvError, parseDotenv, parseRawEnv } from './dotenv.ts';

const shell: Readonly<Record<string, string>> = { HOME: '/h', SHELL_WINS: 'shell' };
const CASES: readonly (readonly [string, string, Record<string, string>])[] = [
  ['plain values', 'A=1\nB=two words\n', { A: '1', B: 'two words' }],
  ['comments and blank lines', '# c\n\nA=1 # rest\nB=x#y\n', { A: '1', B: 'x#y' }],
  ['byte order mark and CRLF', '\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['export and colon', 'export A=1\nB: 2\n', { A: '1', B: '2' }],
  ['spaces around', 'A = 1\n  B=2  \n', { A: '1', B: '2' }],
  ['empty value', 'A=\nB=""\n', { A: '', B: '' }],
  ['single quotes are literal', "A='$HOME \\n x'\n", { A: '$HOME \\n x' }],
  ['double quotes expand', 'A="$HOME\\tx\\ny"\n', { A: '/h\tx\ny' }],
  ['quotes over lines', 'A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
  ['an escaped dollar', 'A="\\$HOME"\nB=$$HOME', { A: '$HOME', B: '$HOME' }],
  ['earlier lines and defaults', 'A=1\nB=${A}2${C:-3}\n', { A: '1', B: '123' }],
  ['the shell before earlier lines', 'SHELL_WINS=file\nB=$SHELL_WINS\n', { SHELL_WINS: 'file', B: 'shell' }],
  ['a bare key is inherited', 'HOME\nNOT_THERE\nB=1', { HOME: '/h', B: '1' }],
  ['dots and dashes in keys', 'a.b-c[0]=1', { 'a.b-c[0]': '1' }],
  ['no newline at the end', 'A=x', { A: 'x' }],
  ['equals in the value', 'A=b=c==', { A: 'b=c==' }],
  ['backslashes without quotes', 'A=C:\\dir\\n', { A: 'C:\\dir\\n' }],
];
for (const [name, text, expected] of CASES) {
  test(`dotenv: ${name}`, () => assert.deepEqual(Object.fromEntries(parseDotenv(text, (n) => shell[n])), expected));
}

for (const [name, text, line] of [
  ['a space in a key', 'A=1\nB C=2', 2],
  ['an unterminated quote', 'A=1\n\nB="x\n', 3],
  ['a strange key', "A'B=1", 1],
] as const) {
  test(`dotenv refuses ${name} at its line`, () => {
    assert.throws(
      () => parseDotenv(text, () => undefined),
      (e) => e instanceof DotenvError && e.line === line,
    );
  });
}

test('raw format keeps quotes and dollars', () => {
  assert.deepEqual(Object.fromEntries(parseRawEnv('A="x $Y"\nHOME\n#c\nNONE\n', (n) => shell[n])), {
    A: '"x $Y"',
    HOME: '/h',
  });
});
