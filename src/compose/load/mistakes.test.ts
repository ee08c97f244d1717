import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WharfError } from '../../core/errors.ts';
import { loadProject } from './load.ts';

// Files as people write them by mistake, each followed by what they are told: `>>> LINE:COLUMN: message; what to do`.
const cases = readFileSync(new URL('mistakes.txt', import.meta.url), 'utf8')
  .split(/^-----\n/m)
  .map((part) => {
    const [text = '', expected = ''] = part.split(/^>>> /m);
    return { text, expected: expected.trimEnd() };
  });

function told(text: string): string {
  try {
    loadProject(
      { files: [], envFiles: [], profiles: [] },
      {
        files: { read: (path) => (path === '/p/compose.yaml' ? text : undefined), isDirectory: () => false },
        cwd: '/p',
        home: '/home/u',
        env: {},
        warn: () => undefined,
      },
    );
    return 'loaded';
  } catch (e) {
    if (!(e instanceof WharfError)) throw e;
    const { at, hint } = e.context;
    const place = at === undefined ? '' : `${at.line}:${at.column}: `;
    return `${place}${e.message}${hint === undefined ? '' : `; ${hint}`}`;
  }
}

for (const { text, expected } of cases) {
  test(expected, () => assert.equal(told(text), expected));
}

test('every mistake is told with its place', () => {
  assert.ok(cases.length > 100);
  for (const { expected } of cases) assert.match(expected, /^\d+:\d+: /);
});
