import { parseIgnore } from '../../../src/build/context/ignore.ts';
import { IgnorePatterns } from '../../../src/client/ignore-patterns.ts';
import type { Target } from '../target.ts';

const PATHS = ['a', 'a/b', 'a/b/c', 'x'.repeat(200), 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b'];

/** Both readers: the builder's and the client's. */
export const target: Target = {
  parse: (input) => {
    const text = input.toString();
    IgnorePatterns.parse(text);
    const rules = parseIgnore(text);
    return PATHS.map((path) => rules.excludes(path));
  },
  longest: 512,
  words: ['**', '*', '?', '!', '/', '[a-z]', '[^', ']', 'a', 'b/c', '..', './', '\n', '\\', '#', '(', '+', '{a,b}'],
};
