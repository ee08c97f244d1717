import { rmSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { copyFile } from './copy-file.ts';
import type { FromThread, ToThread } from './file-threads.ts';
import { digestOf } from './read-file.ts';

// A thread that reads and copies files, so that neither hashing nor writing keeps the daemon from answering.
const port = parentPort;
if (!port) throw new Error('this is a worker thread');

port.on('message', (message: ToThread) => {
  let answer: FromThread;
  try {
    answer = work(message);
  } catch (e) {
    answer = { kind: 'failed', message: messageOf(e), errno: errnoOf(e) };
  }
  port.postMessage(answer);
});

function work(message: ToThread): FromThread {
  if (message.kind === 'digest') return { kind: 'digests', digests: message.files.map(digestOf) };
  if (message.kind === 'remove') {
    rmSync(message.path, { recursive: true, force: true });
    return { kind: 'removed' };
  }
  const changed = message.jobs.findIndex((job) => !copyFile(job));
  return { kind: 'copied', changed: changed < 0 ? undefined : changed };
}
