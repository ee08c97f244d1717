import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lexDockerfile } from './lex.ts';

const sources = (text: string) => lexDockerfile(text, 'Dockerfile').instructions.map((i) => i.source);

const CASES: readonly (readonly [name: string, text: string, want: readonly string[]])[] = [
  ['one line', 'FROM a', ['FROM a']],
  ['a byte order mark', '\uFEFFFROM a\n', ['FROM a']],
  ['carriage returns', 'FROM a\r\nRUN x \\\r\n y\r\n', ['FROM a', 'RUN x  y']],
  ['blank lines and comments', '\n# c\n\nFROM a\n  # c\n\nRUN b\n', ['FROM a', 'RUN b']],
  ['leading blanks', '  FROM a\n\tRUN b', ['FROM a', 'RUN b']],
  ['a continuation', 'RUN a \\\n  b', ['RUN a   b']],
  ['blanks after the escape', 'RUN a \\ \t\n b', ['RUN a  b']],
  ['a doubled escape is none', 'RUN a \\\\\nRUN b', ['RUN a \\\\', 'RUN b']],
  ['comments between continuation lines', 'RUN a \\\n# c\n  # d\n b', ['RUN a  b']],
  ['blank lines between continuation lines', 'RUN a \\\n\n b', ['RUN a  b']],
  ['a continuation open at the end', 'RUN a \\', ['RUN a']],
  ['a hash later in the line', 'RUN a # b', ['RUN a # b']],
  ['another escape', '# escape=`\nRUN a `\n b\nRUN c \\\nRUN d', ['RUN a  b', 'RUN c \\', 'RUN d']],
  ['a directive after a comment is a comment', '# hello\n# escape=`\nRUN a \\\n b', ['RUN a  b']],
  ['syntax is ignored', '# syntax=docker/dockerfile:1\nFROM a', ['FROM a']],
  ['a heredoc', 'RUN <<EOF\na\n# b\n\nEOF\nRUN c', ['RUN <<EOF', 'RUN c']],
  ['a heredoc in an instruction that has none', 'CMD cat <<EOF\nRUN x', ['CMD cat <<EOF', 'RUN x']],
];
for (const [name, text, want] of CASES) {
  test(`cuts: ${name}`, () => assert.deepEqual(sources(text), want));
}

test('lines and columns are those of the keyword', () => {
  const { instructions } = lexDockerfile('# c\n\nFROM a\n  RUN x \\\n  y\n\nCMD z\n', 'Dockerfile');
  assert.deepEqual(
    instructions.map((i) => [i.keyword, i.rest, i.line, i.column]),
    [
      ['FROM', 'a', 3, 1],
      ['RUN', 'x   y', 4, 3],
      ['CMD', 'z', 7, 1],
    ],
  );
});

test('heredocs: several, quoted, with tabs dropped', () => {
  const text = 'COPY <<one <<-"two" /d/\na $x\none\n\tb\n\ttwo\nRUN z';
  const [copy, run] = lexDockerfile(text, 'Dockerfile').instructions;
  assert.deepEqual(copy?.heredocs, [
    { word: '<<one', name: 'one', chomp: false, expand: true, body: 'a $x\n' },
    { word: '<<-"two"', name: 'two', chomp: true, expand: false, body: '\tb\n' },
  ]);
  assert.equal(run?.line, 6);
});

const WRONG: readonly (readonly [text: string, message: string])[] = [
  ['', 'the Dockerfile (Dockerfile) cannot be empty'],
  ['FROM a\nRUN \0', 'the Dockerfile (Dockerfile) is no text: there is a NUL character in line 2'],
  ['# only\n', 'file with no instructions'],
  ['FROM a\nRUN <<EOF\nx\n', 'dockerfile parse error on line 2: unterminated heredoc'],
  ['# escape=x\nFROM a', "dockerfile parse error on line 1: invalid escape token 'x' does not match ` or \\"],
  ['# syntax=a\n# syntax=b\nFROM a', 'dockerfile parse error on line 2: only one syntax parser directive can be used'],
  [
    `FROM a\nRUN ${'x'.repeat(65536)}`,
    'dockerfile parse error on line 2: dockerfile line greater than max allowed size of 65535',
  ],
];
for (const [text, message] of WRONG) {
  test(`refuses: ${message}`, () => assert.throws(() => lexDockerfile(text, 'Dockerfile'), { message }));
}

test('bodies keep their carriage returns, their ends need none', () => {
  const { instructions } = lexDockerfile('FROM a\r\nCOPY <<X /x\r\none\r\nX\r\nRUN <<Y\r\ntwo\r\nY\r', 'Dockerfile');
  assert.deepEqual(
    instructions.map(({ source, heredocs, lastLine }) => [source, heredocs[0]?.body, lastLine]),
    [
      ['FROM a', undefined, 1],
      ['COPY <<X /x', 'one\r\n', 4],
      ['RUN <<Y', 'two\r\n', 7],
    ],
  );
});
