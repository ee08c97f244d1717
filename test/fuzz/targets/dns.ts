import { answerLocally } from '../../../src/network/keeper/dns/answer.ts';
import { readQuery } from '../../../src/network/keeper/dns/read-query.ts';
import type { Target } from '../target.ts';

const SOURCE = { lookup: () => ({ ipv4: ['10.0.0.1'], ipv6: ['fd00::1'] }), reverse: () => 'web.net' };

/** What a container sends to its name server. */
export const target: Target = {
  parse: (input) => {
    const query = readQuery(input);
    if (query !== undefined) answerLocally(query, SOURCE);
  },
  longest: 1024,
  words: [
    '\u0003web\u0007example\0',
    '\0\u0001\0\u0001',
    '\0\u001c\0\u0001',
    '\0\u000c\0\u0001',
    '\u0007in-addr\u0004arpa\0',
    '\u0003ip6\u0004arpa\0',
    '\u00c0\u000c',
    '\0\0)\u0010\0\0\0\0\0\0\0',
    '\0\u0001\u0001\0\0\u0001\0\0\0\0\0\0',
  ],
};
