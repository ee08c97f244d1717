import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { tryLock } from '../linux/index.ts';
import { dataRootInUse } from './errors.ts';

/**
 * Makes this process the only owner of a data root until disposed, or until it dies in whatever way.
 * @throws {WharfError} `DATA_ROOT_IN_USE`
 */
export function lockDataRoot(root: string, lockFile: string): Disposable {
  const fd = openSync(lockFile, 'a+', 0o600);
  if (!tryLock(fd)) {
    const pid = readFileSync(lockFile, 'utf8').trim();
    closeSync(fd);
    throw dataRootInUse({ path: root, owner: pid === '' ? '' : ` (pid ${pid})` });
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return { [Symbol.dispose]: () => closeSync(fd) };
}
