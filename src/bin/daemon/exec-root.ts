import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../../linux/index.ts';
import { execRootInUse } from './errors.ts';

/**
 * Makes an exec root and takes it for this process, until disposed or dead. The process's ID is in its `wharfd.pid`.
 * @throws {WharfError} `EXEC_ROOT_IN_USE`
 */
export function takeExecRoot(path: string): Disposable {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const file = join(path, 'wharfd.pid');
  const fd = openSync(file, 'a+', 0o644);
  if (!tryLock(fd)) {
    const pid = readFileSync(file, 'utf8').trim();
    closeSync(fd);
    throw execRootInUse({ path, pid });
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return {
    [Symbol.dispose]() {
      rmSync(file, { force: true });
      closeSync(fd);
    },
  };
}
