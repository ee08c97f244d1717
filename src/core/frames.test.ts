import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameParser, frameHeader, STREAM } from './frames.ts';

test('frames survive any way of cutting the bytes', () => {
  const frame = fc.tuple(fc.constantFrom(STREAM.stdout, STREAM.stderr), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 17 }), (frames, size) => {
      const bytes = Buffer.concat(
        frames.flatMap(([stream, payload]) => [frameHeader(stream, payload.length), payload]),
      );
      const parser = new FrameParser();
      const text: Record<number, string> = {};
      for (let at = 0; at < bytes.length; at += size) {
        for (const { stream, payload } of parser.push(bytes.subarray(at, at + size))) {
          text[stream] = (text[stream] ?? '') + payload.toString('hex');
        }
      }
      for (const stream of [STREAM.stdout, STREAM.stderr]) {
        const sent = frames.filter(([s]) => s === stream).map(([, payload]) => Buffer.from(payload).toString('hex'));
        assert.equal(text[stream] ?? '', sent.join(''));
      }
    }),
  );
});

test('bytes that are no frames are refused', () => {
  assert.throws(() => [...new FrameParser().push(Buffer.from('hello, world'))], /unrecognized stream/);
});
