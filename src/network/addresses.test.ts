import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contains,
  findAddress,
  findCidr,
  formatAddress,
  formatPrefix,
  lastOf,
  macOf,
  overlap,
  parseAddress,
  parsePrefix,
} from './addresses.ts';

test('addresses are written as they are usually', () => {
  for (const [text, expected] of [
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['172.17.0.2', '172.17.0.2'],
    ['::', '::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fd00:1::', 'fd00:1::'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
  ] as const) {
    assert.equal(formatAddress(parseAddress(text)), expected);
  }
});

test('what is no address is none', () => {
  for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4/8', 'fe80::1%eth0', ':::', 'host', '[::1]']) {
    assert.equal(findAddress(text), undefined, text);
  }
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '/8', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1']) {
    assert.equal(findCidr(text), undefined, text);
  }
  assert.throws(() => parseAddress('nope'), { code: 'INVALID_PARAMETER', message: 'invalid IP address: nope' });
});

test('any address survives being written and read', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text);
      assert.deepEqual(parseAddress(formatAddress(address)), address);
    }),
  );
});

test('blocks know what is in them', () => {
  const block = parsePrefix('172.17.5.9/16');
  assert.equal(formatPrefix(block), '172.17.0.0/16');
  assert.equal(formatAddress({ family: 4, value: lastOf(block) }), '172.17.255.255');
  for (const [other, inside] of [
    ['172.17.0.0', true],
    ['172.17.255.255', true],
    ['172.18.0.0', false],
    ['::ac11:1', false],
  ] as const) {
    assert.equal(contains(block, parseAddress(other)), inside, other);
  }
  for (const [other, overlaps] of [
    ['172.16.0.0/12', true],
    ['172.17.3.0/24', true],
    ['172.18.0.0/16', false],
    ['0.0.0.0/0', true],
    ['::/0', false],
  ] as const) {
    assert.equal(overlap(block, parsePrefix(other)), overlaps, other);
    assert.equal(overlap(parsePrefix(other), block), overlaps, other);
  }
});

test('a MAC address follows from the IPv4 address', () => {
  assert.equal(macOf(parseAddress('172.17.0.2')), '02:42:ac:11:00:02');
});
