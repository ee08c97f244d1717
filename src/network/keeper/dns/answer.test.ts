import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import type { DecodedPacket, RecordType } from 'dns-packet';
import { addressOfPtr, answerLocally, fitUdp, reply } from './answer.ts';

const names = {
  lookup: (name: string) => (name === 'web' ? { ipv4: ['10.0.0.2', '10.0.0.3'], ipv6: [] } : undefined),
  reverse: (address: string) => (address === '10.0.0.2' ? 'web.front' : undefined),
};

function query(name: string, type: RecordType, extra: object = {}): DecodedPacket {
  const flags = dnsPacket.RECURSION_DESIRED;
  return dnsPacket.decode(dnsPacket.encode({ type: 'query', id: 9, flags, questions: [{ name, type }], ...extra }));
}

test('names that are known here are answered here, whatever is asked of them', () => {
  for (const [name, type, expected] of [
    ['web', 'A', ['10.0.0.2', '10.0.0.3']],
    ['WeB', 'A', ['10.0.0.2', '10.0.0.3']],
    ['web', 'AAAA', []],
    ['web', 'MX', []],
    ['2.0.0.10.in-addr.arpa', 'PTR', ['web.front']],
    ['db', 'A', undefined],
    ['web', 'TXT', undefined],
    ['3.0.0.10.in-addr.arpa', 'PTR', undefined],
  ] as const) {
    const answer = answerLocally(query(name, type), names);
    const decoded = answer && (dnsPacket.decode(answer) as DecodedPacket & { rcode: string });
    assert.deepEqual(
      decoded?.answers?.map((a) => 'data' in a && a.data),
      expected,
      `${name} ${type}`,
    );
    if (decoded === undefined) continue;
    assert.deepEqual([decoded.id, decoded.rcode, decoded.flag_ra, decoded.flag_rd], [9, 'NOERROR', true, true]);
    assert.equal(decoded.questions?.[0]?.name, name, 'the question comes back as it was written');
  }
});

test('a question that is none gets an error', () => {
  const codeOf = (packet: DecodedPacket) => (answerLocally(packet, names)?.[3] ?? 0) & 15;
  assert.equal(codeOf(query('web', 'A', { questions: [] })), 1);
  assert.equal(codeOf(query('web', 'A', { flags: 4 << 11 })), 4);
});

test('an answer that is too long for UDP is cut, and says so', () => {
  const data = (i: number) => `10.0.${i}.1`;
  const answers = Array.from({ length: 40 }, (_, i) => ({ type: 'A', name: 'web', ttl: 1, data: data(i) }) as const);
  const plain = query('web', 'A');
  const long = reply(plain, 0, answers);
  const cut = dnsPacket.decode(fitUdp(plain, long));
  assert.deepEqual([cut.flag_tc, cut.answers?.length], [true, 0]);
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] };
  assert.equal(fitUdp(query('web', 'A', { additionals: [opt] }), long), long);
});

test('names of addresses are read backwards', () => {
  assert.equal(addressOfPtr('4.3.2.1.in-addr.arpa'), '1.2.3.4');
  assert.equal(addressOfPtr(`1.${'0.'.repeat(29)}d.f.ip6.arpa`), 'fd00::1');
  for (const name of ['3.2.1.in-addr.arpa', 'a.3.2.1.in-addr.arpa', 'web', '1.ip6.arpa']) {
    assert.equal(addressOfPtr(name), undefined, name);
  }
});
