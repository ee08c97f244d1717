import { familiar, parseReference } from '../../../src/core/reference.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  parse: (input) => {
    const text = input.toString();
    const once = familiar(parseReference(text));
    let again: string;
    try {
      again = familiar(parseReference(once));
    } catch (e) {
      throw new Error(`${text} is ${once}, which is none`, { cause: e });
    }
    if (again !== once) throw new Error(`${text} is ${once} and then ${again}`);
  },
  longest: 512,
  words: [
    'docker.io',
    'index.docker.io',
    '/',
    ':',
    '@',
    'sha256:',
    'a'.repeat(64),
    'library',
    'latest',
    '-',
    '_',
    '.',
    '__',
    'A',
    '5000',
    '[::1]',
    'localhost',
  ],
};
