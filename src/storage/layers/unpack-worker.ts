import { parentPort } from 'node:worker_threads';
import { errnoOf, messageOf, WharfError } from '../../core/errors.ts';
import { RingReader } from './ring.ts';
import { LayerUnpacker } from './unpack-layer.ts';
import type { Failure, FromWorker, ToWorker } from './unpack-protocol.ts';

// A thread that unpacks layers, so that neither hashing nor writing files keeps the daemon from answering.
const port = parentPort;
if (!port) throw new Error('this is a worker thread');

const input = Buffer.allocUnsafeSlow(256 * 1024);

port.on('message', (message: ToWorker) => port.postMessage(unpack(message)));

function unpack({ target, ring }: ToWorker): FromWorker {
  try {
    const source = new RingReader(ring);
    using unpacker = new LayerUnpacker(target);
    for (;;) {
      const n = source.take(input);
      if (n === undefined) return { kind: 'abandoned' };
      if (n === 0) return { kind: 'done', unpacked: unpacker.finish() };
      unpacker.push(input.subarray(0, n));
    }
  } catch (e) {
    return { kind: 'failed', failure: failureOf(e) };
  }
}

function failureOf(e: unknown): Failure {
  const errno = errnoOf(e);
  return {
    message: messageOf(e),
    ...(e instanceof WharfError && { code: e.code }),
    ...(errno !== undefined && { errno }),
  };
}
