import { packTree } from './pack.ts';
import { TarReader } from './reader.ts';
import { Unpacker } from './unpack.ts';

/**
 * Copies what is in a directory into an empty one, and the directory's own owner, mode and attributes: everything that tars
 * keep, times to the nanosecond. Yields the bytes done since the last time, so that callers can let others run.
 */
export function* copyTree(from: string, to: string): Generator<number, void, undefined> {
  using unpacker = new Unpacker({ root: to, fresh: true, whiteouts: 'none' });
  const reader = new TarReader(unpacker);
  for (const chunk of packTree(from, { whiteouts: 'none', nanoseconds: true, root: true })) {
    reader.push(chunk);
    yield chunk.length;
  }
  reader.finish();
  unpacker.close();
}
