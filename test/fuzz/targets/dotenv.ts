import { DotenvError, parseDotenv, parseRawEnv } from '../../../src/compose/load/dotenv.ts';
import { WharfError } from '../../../src/core/errors.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  parse: (input) => {
    const text = input.toString();
    parseRawEnv(text, () => 'x');
    parseDotenv(text, (name) => (name.length > 1 ? undefined : 'x'));
  },
  refuses: (e) => e instanceof DotenvError || e instanceof WharfError,
  longest: 1024,
  words: ['A=', 'export ', '"', "'", '\\n', '$A', '${A:-', '}', '#', '\n', '\r\n', ' = ', ': ', '${A?', '\\$'],
};
