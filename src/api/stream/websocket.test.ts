import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { ClientFrames, encodeMessage, websocketHead, websocketStream } from './websocket.ts';

const MASK = Buffer.from([1, 2, 3, 4]);

/** A client's message: as a server's, but masked. */
function masked(payload: Buffer, opcode: number): Buffer {
  const bare = encodeMessage(payload, opcode);
  const headerLength = bare.length - payload.length;
  const header = Buffer.from(bare.subarray(0, headerLength));
  header[1] = (header[1] ?? 0) | 0x80;
  const hidden = Buffer.from(payload.map((byte, i) => byte ^ (MASK[i % 4] ?? 0)));
  return Buffer.concat([header, MASK, hidden]);
}

/** Two connected streams: what one writes the other reads. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number) =>
    new Duplex({
      read: () => undefined,
      write(chunk, _encoding, done) {
        ends[other]?.push(chunk);
        done();
      },
      final(done) {
        ends[other]?.push(null);
        done();
      },
    });
  ends.push(make(1), make(0));
  return [ends[0] as Duplex, ends[1] as Duplex];
}

test('the answer to the example of RFC 6455', () => {
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  assert.match(websocketHead(headers) ?? '', /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  assert.equal(websocketHead({ ...headers, upgrade: 'tcp' }), undefined);
});

for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
  test(`a message of ${length} bytes in any pieces`, () => {
    const payload = Buffer.alloc(length, 'x');
    const bytes = masked(payload, 2);
    const frames = new ClientFrames();
    const half = bytes.length >> 1;
    const found = [...frames.push(bytes.subarray(0, half)), ...frames.push(bytes.subarray(half))];
    assert.deepEqual(
      found.map((f) => [f.opcode, f.payload.equals(payload)]),
      [[2, true]],
    );
  });
}

test('frames without a mask are refused', () => {
  assert.throws(() => new ClientFrames().push(encodeMessage(Buffer.from('x'), 2)), /must be masked/);
});

test('bytes both ways, ping answered, close ends', async () => {
  const [client, server] = pair();
  const stream = websocketStream(server, false);
  const heard: Buffer[] = [];
  client.on('data', (chunk: Buffer) => heard.push(chunk));
  client.write(masked(Buffer.from('hello '), 2));
  client.write(masked(Buffer.from('p'), 9));
  client.write(masked(Buffer.from('there'), 1));
  stream.write('out');
  client.write(masked(Buffer.from([0x03, 0xe8]), 8));
  const said: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) said.push(chunk);
  assert.equal(Buffer.concat(said).toString(), 'hello there');
  const expected = [
    [Buffer.from('p'), 10],
    [Buffer.from('out'), 2],
  ] as const;
  const bytes = Buffer.concat(heard);
  for (const [payload, opcode] of expected) assert.ok(bytes.includes(encodeMessage(payload, opcode)));
  assert.ok(bytes.includes(encodeMessage(Buffer.from([0x03, 0xe8]), 8)));
});
