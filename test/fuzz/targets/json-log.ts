import { decodeRecord } from '../../../src/runtime/logs/decode-record.ts';
import type { Target } from '../target.ts';

/** One line of a json-file log: a container's user may hand the daemon any file by a crash or by hand. */
export const target: Target = {
  parse: (input) => decodeRecord(input),
  refuses: () => false,
  longest: 1024,
  words: [
    '{"log":"',
    '\\n","stream":"stdout","time":"2026-01-01T00:00:00.000000000Z"}',
    '","stream":"stderr","time":"2026-01-01T00:00:00.000000000Z"}',
    '"attrs":{"a":"b"}',
    '\\u00e9',
    '\\ud800',
    '2026-01-01T00:00:00.5Z',
    'null',
    '"time":',
  ],
};
