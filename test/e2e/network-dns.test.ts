import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import type { LabContainer } from './network-lab.ts';
import { Forwarder } from '../../src/network/keeper/dns/forward.ts';
import { NetworkLab, runInside } from './network-lab.ts';

const POOL = '10.213.32.0/20';

/** Asks 127.0.0.11 in a namespace: `NOERROR 10.0.0.2 10.0.0.3`, with ` TC` behind if it was cut. */
function lookUp(container: LabContainer, name: string, type = 'A', transport: 'udp' | 'tcp' = 'udp'): Promise<string> {
  const library = createRequire(import.meta.url).resolve('dns-packet');
  return runInside(container.netns, LOOKUP, library, name, type, transport);
}
const LOOKUP = `
const [library, name, type, transport] = process.argv.slice(1);
const dns = require(library);
const query = { type: 'query', id: 7, flags: dns.RECURSION_DESIRED, questions: [{ type, name }] };
const show = ({ rcode, answers, flag_tc }) => {
  console.log([rcode, ...answers.map((a) => a.data), ...(flag_tc ? ['TC'] : [])].join(' '));
  process.exit();
};
setTimeout(() => { console.log('timeout'); process.exit(); }, 10_000);
if (transport === 'tcp') {
  const socket = require('net').connect(53, '127.0.0.11', () => socket.write(dns.streamEncode(query)));
  let data = Buffer.alloc(0);
  socket.on('data', (chunk) => { data = Buffer.concat([data, chunk]); if (data.length >= 2 + data.readUInt16BE(0)) show(dns.streamDecode(data)); });
} else {
  const socket = require('dgram').createSocket('udp4', (message) => show(dns.decode(message)));
  socket.send(dns.encode(query), 53, '127.0.0.11');
}
`;

test('names of containers resolve on the networks they share', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const [front, back] = [await lab.network({ name: 'front' }), await lab.network({ name: 'back' })];
  const web = await lab.container(front, ['web', 'www', 'abc123']);
  const db = await lab.container(back, ['db']);
  const shop1 = await lab.container(back, ['shop-1', 'shop']);
  const shop2 = await lab.container(back, ['shop-2', 'shop'], { links: { store: db.containerId } });
  const reverse = (address: string) => `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  for (const [who, name, type, expected] of [
    [web, 'web', 'A', `NOERROR ${web.endpoint.ipv4}`],
    [web, 'WWW', 'A', `NOERROR ${web.endpoint.ipv4}`],
    [web, 'abc123.front', 'A', `NOERROR ${web.endpoint.ipv4}`],
    [web, 'web', 'AAAA', 'NOERROR'],
    [web, 'web', 'MX', 'NOERROR'],
    [shop1, 'db', 'A', `NOERROR ${db.endpoint.ipv4}`],
    [shop2, 'store', 'A', `NOERROR ${db.endpoint.ipv4}`],
    [db, reverse(shop1.endpoint.ipv4), 'PTR', 'NOERROR shop-1.back'],
  ] as const) {
    for (const transport of ['udp', 'tcp'] as const) {
      assert.equal(await lookUp(who, name, type, transport), expected, `${name} ${type} by ${transport}`);
    }
  }
  assert.doesNotMatch(await lookUp(web, 'db'), /10\.213/, 'not on its network');
  assert.doesNotMatch(await lookUp(shop1, 'store'), /10\.213/, "another container's link");
  const both = [shop1.endpoint.ipv4, shop2.endpoint.ipv4];
  const turns = [await lookUp(db, 'shop'), await lookUp(db, 'shop')];
  assert.deepEqual(new Set(turns), new Set([`NOERROR ${both.join(' ')}`, `NOERROR ${both.toReversed().join(' ')}`]));

  await lab.networks.rename(db.containerId, back.id, ['mariadb']);
  assert.equal(await lookUp(shop1, 'mariadb'), `NOERROR ${db.endpoint.ipv4}`);
  const late = await lab.attach(web.containerId, back, ['web'], { gateway: false });
  assert.equal(await lookUp(db, 'web'), `NOERROR ${late.ipv4}`);
  assert.equal(await lookUp(web, 'mariadb'), `NOERROR ${db.endpoint.ipv4}`);
  await lab.closeContainer(shop1.containerId);
  assert.equal(await lookUp(db, 'shop'), `NOERROR ${shop2.endpoint.ipv4}`);
});

test('a name server that no way leads to is passed over', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const { netns } = await lab.container(await lab.network({ name: 'shut', internal: true }));
  for (const transport of ['udp', 'tcp'] as const) {
    const answer = await new Forwarder().ask(Buffer.alloc(12), { servers: ['192.0.2.53'], netns }, transport);
    assert.equal(answer, undefined, transport);
  }
});

test('other names are asked elsewhere, and answers come back as they are', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const host = network.subnets[0]?.gateway ?? '';
  // A resolver on the host that knows one long answer, refuses one name, and knows nothing else.
  const answerTo = (message: Buffer, udp: boolean) => {
    const query = dnsPacket.decode(message);
    const name = query.questions?.[0]?.name ?? '';
    const code = name === 'refused.test' ? 5 : name === 'long.test' ? 0 : 3;
    const many = Array.from({ length: 60 }, (_, i) => ({ type: 'A', name, ttl: 1, data: `192.0.2.${i}` }) as const);
    const whole = { type: 'response', id: query.id ?? 0, questions: query.questions ?? [] } as const;
    const flags = dnsPacket.RECURSION_AVAILABLE | code;
    if (code === 0 && udp) return dnsPacket.encode({ ...whole, flags: flags | dnsPacket.TRUNCATED_RESPONSE });
    return dnsPacket.encode({ ...whole, flags, answers: code === 0 ? many : [] });
  };
  const udp = createSocket('udp4', (message, from) => udp.send(answerTo(message, true), from.port, from.address));
  udp.bind(0, host);
  await once(udp, 'listening');
  const { port } = udp.address();
  const tcp = createServer((client) => {
    client.on('data', (data) => {
      const answer = answerTo(Buffer.from(data).subarray(2), false);
      client.end(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
    });
  }).listen(port, host);
  await once(tcp, 'listening');
  t.after(() => {
    udp.close();
    tcp.close();
  });

  const open = (dns: readonly string[]) => lab.container(network, ['me'], {}, dns);
  // The first resolver is not there: the second is asked.
  const client = await open(['127.0.0.1#1', `${host}#${port}`]);
  assert.equal(await lookUp(client, 'nobody.test'), 'NXDOMAIN');
  assert.equal(await lookUp(client, 'refused.test'), 'REFUSED');
  assert.equal(await lookUp(client, 'long.test'), 'NOERROR TC');
  assert.match(await lookUp(client, 'long.test', 'A', 'tcp'), /^NOERROR 192\.0\.2\.0 .* 192\.0\.2\.59$/);
  assert.equal(await lookUp(client, 'me'), `NOERROR ${client.endpoint.ipv4}`);
  const alone = await open(['127.0.0.1#1']);
  assert.equal(await lookUp(alone, 'nobody.test'), 'SERVFAIL');
});

test('a resolver that is named is asked from where the container is, also on a network that is shut', {
  timeout: 60_000,
}, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network({ internal: true });
  const resolver = await lab.container(network, ['resolver']);
  const library = createRequire(import.meta.url).resolve('dns-packet');
  await lab.program(resolver.netns, RESOLVER, library, '5353');
  const client = await lab.container(network, ['me'], {}, [`${resolver.endpoint.ipv4}#5353`]);
  for (const transport of ['udp', 'tcp'] as const) {
    assert.equal(await lookUp(client, 'x.test', 'A', transport), `NOERROR ${client.endpoint.ipv4}`, 'it sees who asks');
  }
  const other = await lab.container(network, ['other']);
  assert.equal(await lookUp(other, 'x.test'), 'SERVFAIL', "the host's are not asked for who cannot reach the world");
  // Its own loopback is meant, not the host's.
  const own = await lab.container(network, ['own'], {}, ['127.0.0.1#5353']);
  await lab.program(own.netns, RESOLVER, library, '5353');
  assert.equal(await lookUp(own, 'x.test'), 'NOERROR 127.0.0.1');
});

/** Answers every question with the address of who asks. */
const RESOLVER = `
const [library, port] = process.argv.slice(1);
const dns = require(library);
const answer = (query, address) => dns.encode({ type: 'response', id: query.id, flags: dns.RECURSION_AVAILABLE, questions: query.questions,
  answers: [{ type: 'A', name: query.questions[0].name, ttl: 1, data: address.replace('::ffff:', '') }] });
const udp = require('dgram').createSocket('udp4', (message, from) => udp.send(answer(dns.decode(message), from.address), from.port, from.address));
require('net').createServer((client) => client.once('data', (data) => {
  const text = answer(dns.decode(data.subarray(2)), client.remoteAddress);
  client.end(Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text]));
})).listen(Number(port), () => udp.bind(Number(port), () => console.log('ready')));
`;

test('where the user has set ndots, names without a dot are left to the search list', {
  timeout: 60_000,
}, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const asked: string[] = [];
  const udp = createSocket('udp4', (message, from) => {
    const query = dnsPacket.decode(message);
    asked.push(`${query.questions?.[0]?.type} ${query.questions?.[0]?.name}`);
    const flags = dnsPacket.RECURSION_AVAILABLE | 3;
    const answer = { type: 'response', id: query.id ?? 0, flags, questions: query.questions ?? [] } as const;
    udp.send(dnsPacket.encode(answer), from.port, from.address);
  });
  udp.bind(0, network.subnets[0]?.gateway ?? '');
  await once(udp, 'listening');
  t.after(() => void udp.close());
  const dns = [`${udp.address().address}#${udp.address().port}`];
  const [plain, dotted] = [await lab.container(network, ['plain'], {}, dns), await lab.dottedContainer(network, dns)];
  assert.equal(await lookUp(plain, 'printer'), 'NXDOMAIN');
  assert.equal(await lookUp(dotted, 'printer'), 'NOERROR');
  assert.equal(await lookUp(dotted, 'printer', 'AAAA', 'tcp'), 'NOERROR');
  assert.equal(await lookUp(dotted, 'plain'), `NOERROR ${plain.endpoint.ipv4}`);
  assert.equal(await lookUp(dotted, 'printer', 'TXT'), 'NXDOMAIN');
  assert.equal(await lookUp(dotted, 'printer.office'), 'NXDOMAIN');
  assert.deepEqual(asked, ['A printer', 'TXT printer', 'A printer.office']);
});

test('a container may itself serve port 53, on 127.0.0.11 too', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const own = await lab.container(network, ['resolver']);
  const other = await lab.container(network, ['other']);
  await lab.serve(own.netns, 53, 'mine');
  assert.equal(await lab.ask(other.netns, own.endpoint.ipv4, 53, 'udp'), `mine ${other.endpoint.ipv4}`);
  assert.equal(await lookUp(own, 'other'), `NOERROR ${other.endpoint.ipv4}`);
});

test('the default network resolves no names', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network({ isDefault: true });
  const { netns } = await lab.container(network, ['me']);
  assert.equal(await lab.ask(netns, '127.0.0.11', 53), 'ECONNREFUSED');
});
