import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, parsePrefix } from './addresses.ts';
import { AddressAllocator, DEFAULT_ADDRESS_POOLS, firstFreeBlock, subnetFaults } from './ipam.ts';

const free = (taken: readonly string[], pools: readonly { base: string; size: number }[] = DEFAULT_ADDRESS_POOLS) => {
  const block = firstFreeBlock(4, pools, taken.map(parsePrefix));
  return block && formatPrefix(block);
};

test('the first block of the pools that is in nobody’s way is taken', () => {
  for (const [name, taken, expected] of [
    ['nothing taken', [], '172.17.0.0/16'],
    ['the default bridge is there', ['172.17.0.0/16'], '172.18.0.0/16'],
    ['a small one in the way', ['172.17.200.0/24', '172.18.0.1/32'], '172.19.0.0/16'],
    ['a big one in the way', ['172.16.0.0/12'], '192.168.0.0/20'],
    ['and the first of 192.168', ['172.16.0.0/12', '192.168.3.0/24'], '192.168.16.0/20'],
    ['one that ends inside a block', ['172.16.0.0/12', '192.168.0.0/19', '192.168.40.0/32'], '192.168.48.0/20'],
    ['IPv6 is not in the way', ['::/0'], '172.17.0.0/16'],
    ['all taken', ['172.16.0.0/12', '192.168.0.0/16'], undefined],
  ] as const) {
    assert.equal(free(taken), expected, name);
  }
});

test('the pools hold 31 networks', () => {
  const taken: string[] = [];
  for (let block = free(taken); block !== undefined; block = free(taken)) taken.push(block);
  assert.equal(taken.length, 31);
  assert.equal(new Set(taken).size, 31);
});

test('a pool whose networks are larger than itself is refused', () => {
  assert.throws(() => free([], [{ base: '10.0.0.0/24', size: 16 }]), { code: 'INVALID_PARAMETER' });
});

test('addresses are given one after the other, freed ones at the end of the round', () => {
  const pool = new AddressAllocator('n', { subnet: '10.0.0.0/29', gateway: '10.0.0.1', aux: { router: '10.0.0.4' } });
  assert.deepEqual([pool.allocate(), pool.allocate(), pool.allocate()], ['10.0.0.2', '10.0.0.3', '10.0.0.5']);
  pool.release('10.0.0.3');
  assert.equal(pool.allocate(), '10.0.0.6');
  assert.equal(pool.allocate(), '10.0.0.3');
  assert.throws(() => pool.allocate(), { code: 'ADDRESSES_EXHAUSTED' });
});

test('an address asked for is given once, and only inside of the subnet', () => {
  const pool = new AddressAllocator('n', { subnet: '10.0.0.0/24', gateway: '10.0.0.1' });
  assert.equal(pool.reserve('10.0.0.2'), '10.0.0.2');
  for (const taken of ['10.0.0.2', '10.0.0.1', '10.0.0.0', '10.0.0.255']) {
    assert.throws(() => pool.reserve(taken), { code: 'ADDRESS_IN_USE', message: 'Address already in use' }, taken);
  }
  assert.throws(() => pool.reserve('10.0.1.2'), { code: 'INVALID_PARAMETER' });
  assert.equal(pool.allocate(), '10.0.0.3');
});

test('a range limits what is given, not what may be asked for', () => {
  const pool = new AddressAllocator('n', { subnet: '10.0.0.0/16', gateway: '10.0.0.1', ipRange: '10.0.5.0/31' });
  assert.equal(pool.reserve('10.0.9.9'), '10.0.9.9');
  assert.deepEqual([pool.allocate(), pool.allocate()], ['10.0.5.0', '10.0.5.1']);
  assert.throws(() => pool.allocate(), { code: 'ADDRESSES_EXHAUSTED' });
});

test('after a restart allocation goes on behind what is in use', () => {
  const pool = new AddressAllocator('n', { subnet: '10.0.0.0/24', gateway: '10.0.0.1' });
  for (const address of ['10.0.0.9', '10.0.0.4']) pool.adopt(address);
  assert.equal(pool.allocate(), '10.0.0.10');
});

test('small and large blocks', () => {
  const two = new AddressAllocator('n', { subnet: '10.0.0.0/31', gateway: '10.0.0.0' });
  assert.equal(two.allocate(), '10.0.0.1');
  const v6 = new AddressAllocator('n', { subnet: 'fd00::/64', gateway: 'fd00::1' });
  assert.equal(v6.allocate(), 'fd00::2');
});

test('faults of a subnet are told', () => {
  for (const [request, expected] of [
    [{ subnet: '10.0.0.0/24' }, []],
    [{ subnet: '10.0.0.1/24' }, ['invalid subnet 10.0.0.1/24: it should be 10.0.0.0/24']],
    [{ subnet: 'nope' }, ['invalid subnet nope: invalid CIDR block notation']],
    [
      { subnet: '10.0.0.0/24', gateway: '10.0.1.1', ipRange: '10.1.0.0/28' },
      [
        "invalid ip-range 10.1.0.0/28: parent subnet 10.0.0.0/24 doesn't contain ip-range",
        "invalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address",
      ],
    ],
    [{ subnet: '10.0.0.0/24', ipRange: '10.0.0.9/28' }, ['invalid ip-range 10.0.0.9/28: it should be 10.0.0.0/28']],
    [{ subnet: '10.0.0.0/24', aux: { dns: 'x' } }, ['invalid auxiliary address dns: x: invalid address']],
  ] as const) {
    assert.deepEqual(subnetFaults(request), expected);
  }
});
