import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, flag, int, long, MalformedMessage, many, map, MessageType, sub, text } from './protobuf.ts';

const Inner = new MessageType({ a: text(1), n: int(2) });
const Outer = new MessageType({
  name: text(1),
  data: bytes(2),
  yes: flag(3),
  n: int(4),
  time: long(5),
  inner: sub(6, Inner),
  list: many(text(7)),
  inners: many(sub(8, Inner)),
  labels: map(text(9)),
  numbers: many(int(100)),
  blobs: map(sub(11, Inner)),
});
const EMPTY = Outer.decode(Buffer.alloc(0));

const rows: [name: string, value: Partial<ReturnType<typeof Outer.decode>>, hex?: string][] = [
  ['nothing', {}, ''],
  ['zero values are not sent', { name: '', n: 0, yes: false }, ''],
  ['the example of the specification', { n: 150 }, '209601'],
  ['text in UTF-8', { name: 'tästing' }, '0a0874c3a47374696e67'],
  ['a negative number takes ten bytes', { n: -1 }, '20ffffffffffffffffff01'],
  ['nanoseconds', { time: 1_800_000_000_123_456_789n }],
  ['a negative 64-bit integer', { time: -5n }],
  ['the largest 64-bit integer', { time: 2n ** 63n - 1n }],
  ['integers of more than 32 bits', { n: 2 ** 53 - 1, numbers: [2 ** 31, 2 ** 32, -(2 ** 40)] }],
  ['nested', { inner: { a: 'x', n: 3 } }, '32050a01781003'],
  ['an empty nested message is sent', { inner: { a: '', n: 0 } }, '3200'],
  ['lists keep zeros', { list: ['a', '', 'b'] }, '3a01613a003a0162'],
  [
    'lists of messages',
    {
      inners: [
        { a: 'x', n: 0 },
        { a: '', n: 300 },
      ],
    },
  ],
  ['maps', { labels: { a: 'b', c: '' } }, '4a060a01611201624a050a01631200'],
  ['maps of messages', { blobs: { a: { a: 'x', n: 9 } } }],
  ['large field numbers', { numbers: [1, 300] }, 'a00601a006ac02'],
  ['bytes', { data: Buffer.from([0, 255]) }, '120200ff'],
];
for (const [name, value, hex] of rows) {
  test(`protobuf: ${name}`, () => {
    const encoded = Outer.encode(value);
    if (hex !== undefined) assert.equal(encoded.toString('hex'), hex);
    assert.deepEqual(Outer.decode(encoded), { ...EMPTY, ...value });
  });
}

test('protobuf: packed numbers, unknown fields of every wire type', () => {
  const packed = Buffer.from('a2060301ac02', 'hex');
  assert.deepEqual(Outer.decode(packed).numbers, [1, 300]);
  const unknown = Buffer.from('c00101' + 'c9010000000000000000' + 'd20101ff' + 'dd0100000000' + '0a0161', 'hex');
  assert.equal(Outer.decode(unknown).name, 'a');
});

for (const hex of ['0a', '0a05616263', '20ff', '0b', '20ffffffffffffffffffffff01']) {
  test(`protobuf: refuses ${hex}`, () => assert.throws(() => Outer.decode(Buffer.from(hex, 'hex')), MalformedMessage));
}
