import { parentPort } from 'node:worker_threads';
import { errnoOf, messageOf, WharfError } from '../../core/errors.ts';
import { compressLayer } from './compress-layer.ts';
import { RingReader, RingWriter } from './ring.ts';
import type { Failure, FromThread, ToThread } from './thread-protocol.ts';
import { LayerUnpacker } from './unpack-layer.ts';

// A thread that unpacks and compresses layers, so that neither hashing nor files keep the daemon from answering.
const port = parentPort;
if (!port) throw new Error('this is a worker thread');

const input = Buffer.allocUnsafeSlow(256 * 1024);

port.on('message', (message: ToThread) => port.postMessage(answer(message)));

function answer(message: ToThread): FromThread {
  try {
    if (message.kind === 'unpack') return unpack(message);
    const writer = new RingWriter(message.ring);
    compressLayer(message.recipe, writer);
    writer.end();
    return { kind: 'compressed' };
  } catch (e) {
    return { kind: 'failed', failure: failureOf(e) };
  }
}

function unpack({ ring, target }: ToThread & { readonly kind: 'unpack' }): FromThread {
  const source = new RingReader(ring);
  using unpacker = new LayerUnpacker(target);
  for (;;) {
    const n = source.read(input);
    if (n === 'abandoned') return { kind: 'failed', failure: { message: 'nobody wants the layer any more' } };
    if (n === 'ended') return { kind: 'unpacked', unpacked: unpacker.finish() };
    unpacker.push(input.subarray(0, n));
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
