import { ClientFrames } from '../../../src/api/stream/websocket.ts';
import { FrameParser } from '../../../src/core/frames.ts';
import type { Target } from '../target.ts';

/** What goes over a connection after it was taken over: the multiplexed stdio a client reads, a websocket the daemon reads. */
export const target: Target = {
  parse: (input) => {
    const step = 1 + (input[0] ?? 0);
    const bytes = input.subarray(2);
    const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) =>
      bytes.subarray(i * step, (i + 1) * step),
    );
    if ((input[1] ?? 0) % 2 === 0) {
      const parser = new FrameParser();
      const frames = chunks.flatMap((chunk) => [...parser.push(Buffer.from(chunk))]);
      const payload = frames.reduce((sum, frame) => sum + frame.payload.length, 0);
      if (payload > bytes.length) throw new TypeError('more came out than went in');
      return;
    }
    const parser = new ClientFrames();
    for (const chunk of chunks) parser.push(Buffer.from(chunk));
  },
  refuses: (e) =>
    e instanceof Error && /^(unrecognized stream|frames of a client must be|the message is too large)/.test(e.message),
  longest: 1024,
  words: ['\u0001\0\0\0\0\0\0\u0003', '\u0002\0\0\0', '\u0081\u0085', '\u0082\u00fe', '\u0082\u00ff', '\u0088\u0080'],
};
