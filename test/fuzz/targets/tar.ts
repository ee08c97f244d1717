import { TarReader } from '../../../src/storage/tar/reader.ts';
import type { Target } from '../target.ts';

const SINK = { entry: () => undefined, data: () => undefined, end: () => undefined, raw: () => undefined };

/**
 * Layers, archives and contexts. The first byte says in pieces of which size the rest arrives. Checksums are made right
 * first: no fuzzer guesses them, and whoever writes a hostile tar does not have to.
 */
export const target: Target = {
  parse: (input) => {
    const step = 1 + (input[0] ?? 0) * 7;
    const tar = withChecksums(input.subarray(1));
    const reader = new TarReader(SINK);
    for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
    reader.finish();
  },
  longest: 8192,
  words: [
    'ustar\0' + '00',
    'ustar  \0',
    '././@LongLink',
    '30 mtime=1350244992.023960108\n',
    '12 path=a/b\n',
    'GNU.sparse.major=1\n',
    '22 GNU.sparse.minor=0\n',
    'GNU.sparse.map=0,1\n',
    'SCHILY.xattr.user.a=b\n',
    'linkpath=',
    'size=9999999999',
    '../',
    '0000644\0',
    '\u0080\0\0\0\0\0\0\0',
    '77777777777',
  ],
};

function withChecksums(input: Buffer): Buffer {
  const tar = Buffer.from(input);
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const header = tar.subarray(at, at + 512);
    if (header.toString('latin1', 257, 262) !== 'ustar') continue;
    header.fill(' ', 148, 156);
    let sum = 0;
    for (const byte of header) sum += byte;
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return tar;
}
