import { parseDotenv, parseRawEnv } from '../../../src/compose/load/dotenv.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  parse: (input) => {
    const text = input.toString();
    parseRawEnv(text, () => 'x');
    parseDotenv(text, (name) => (name.length > 1 ? undefined : 'x'));
  },
  longest: 1024,
  words: ['A=', 'export ', '"', "'", '\\n', '$A', '${A:-', '}', '#', '\n', '\r\n', ' = ', ': ', '${A?', '\\$'],
};
