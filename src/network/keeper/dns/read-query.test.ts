import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import { readQuery } from './read-query.ts';

const root: dnsPacket.Packet = { type: 'query', id: 1, questions: [{ type: 'NS', name: '.' }] };
const extended = { ...root, additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] }] };

test('the shortest questions are read', () => {
  assert.equal(readQuery(dnsPacket.encode(root))?.questions?.[0]?.type, 'NS');
  assert.equal(readQuery(dnsPacket.encode(extended as never))?.additionals?.length, 1);
});

test('a packet that claims more records than it has room for is dropped before room is made for them', () => {
  const bomb = Buffer.alloc(12, 0xff);
  bomb.writeUInt16BE(0x0100, 2);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 20; i++) assert.equal(readQuery(bomb), undefined);
  assert.ok(process.memoryUsage().heapUsed - before < 5_000_000);
});

test('answers and noise are dropped', () => {
  assert.equal(
    readQuery(dnsPacket.encode({ type: 'response', id: 1, questions: [{ type: 'A', name: 'a' }] })),
    undefined,
  );
  assert.equal(readQuery(Buffer.from('hello')), undefined);
});
