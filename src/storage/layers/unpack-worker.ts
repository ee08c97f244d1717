import { parentPort } from 'node:worker_threads';
import { errnoOf, messageOf, WharfError } from '../../core/errors.ts';
import { unpackLayer } from './unpack-layer.ts';
import type { Failure, FromWorker, ToWorker } from './unpack-protocol.ts';

// A thread that unpacks layers, so that neither hashing nor writing files keeps the daemon from answering.
const port = parentPort;
if (!port) throw new Error('this is a worker thread');
const say = (message: FromWorker): void => port.postMessage(message);

/** Bytes of the layer being unpacked, as they come; ends with `undefined`. */
let push: (bytes: Uint8Array | undefined) => void = () => undefined;
let abort: () => void = () => undefined;

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'begin':
      void unpack(message.directory);
      return;
    case 'data':
      push(message.bytes);
      return;
    case 'end':
      push(undefined);
      return;
    case 'abort':
      abort();
  }
});

async function unpack(directory: string): Promise<void> {
  const aborter = new AbortController();
  const queue: (Uint8Array | undefined)[] = [];
  let wake: () => void = () => undefined;
  push = (bytes) => {
    queue.push(bytes);
    wake();
  };
  abort = () => {
    aborter.abort();
    wake();
  };
  let grown = 0;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      aborter.signal.throwIfAborted();
      if (queue.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
        continue;
      }
      const bytes = queue.shift();
      if (bytes === undefined) return;
      yield bytes;
      say({ kind: 'taken', bytes: bytes.length, grown });
      grown = 0;
    }
  };
  try {
    const onBytes = (n: number): void => void (grown += n);
    const unpacked = await unpackLayer(directory, source(), { signal: aborter.signal, onBytes });
    say({ kind: 'taken', bytes: 0, grown });
    say({ kind: 'done', unpacked });
  } catch (e) {
    say({ kind: 'failed', failure: failureOf(e) });
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
