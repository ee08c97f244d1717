import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Nft } from '../../src/linux/index.ts';
import { NetworkLab } from './network-lab.ts';

const POOL = '10.213.16.0/20';
const PORT = 28180;

test('a port that a program has is refused by name, and none of the request is kept', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const { containerId, endpoint } = await lab.container(network);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const taken = (server.address() as AddressInfo).port;
  const wish = (hostPort: number) => ({ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort }) as const;
  await assert.rejects(lab.networks.publish(containerId, network.id, [wish(PORT), wish(taken)]), (error: Error) => {
    const said = `failed to bind host port for 0.0.0.0:${taken}:${endpoint.ipv4}:80/tcp: address already in use by `;
    assert.ok(error.message.startsWith(said), error.message);
    assert.match(error.message, new RegExp(`\\S+ \\(pid ${process.pid}\\)$`));
    return true;
  });
  const rest = await lab.networks.publish(containerId, network.id, [wish(PORT)]);
  assert.equal(rest.length, 2);
});

test('a port of another container is refused, on every address that overlaps', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const [one, two] = [await lab.container(network), await lab.container(network)];
  const wish = (hostIp: string, protocol: 'tcp' | 'udp' = 'tcp') =>
    [{ containerPort: 80, protocol, hostIp, hostPort: PORT }] as const;
  await lab.networks.publish(one.containerId, network.id, wish('127.0.0.1'));
  for (const hostIp of ['', '0.0.0.0', '127.0.0.1']) {
    await assert.rejects(lab.networks.publish(two.containerId, network.id, wish(hostIp)), {
      code: 'PORT_TAKEN',
      message: `Bind for ${hostIp || '0.0.0.0'}:${PORT} failed: port is already allocated`,
    });
  }
  for (const other of [wish('127.0.0.2'), wish('::'), wish('', 'udp')]) {
    await lab.networks.publish(two.containerId, network.id, other);
  }
  await lab.networks.unpublish(one.containerId);
  await lab.networks.publish(two.containerId, network.id, wish('127.0.0.1'));
});

test('other programs see a published port as taken until it is taken back', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const { containerId } = await lab.container(network);
  const wish = { containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 0 } as const;
  const [port] = await lab.networks.publish(containerId, network.id, [wish]);
  const listen = async () => {
    const server = createServer().listen(port?.hostPort, '0.0.0.0');
    await once(server, 'listening');
    server.close();
  };
  await assert.rejects(listen(), { code: 'EADDRINUSE' });
  await lab.closeContainer(containerId);
  await listen();
});

test('a free port is chosen, the same for IPv4 and IPv6; of a range the first free one', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const { containerId } = await lab.container(network);
  const wish = (hostPort: number | readonly [number, number]) =>
    ({ containerPort: 80, protocol: 'udp', hostIp: '', hostPort }) as const;
  const chosen = await lab.networks.publish(containerId, network.id, [wish(0)]);
  assert.equal(chosen.length, 2);
  assert.ok((chosen[0]?.hostPort ?? 0) > 1023);
  assert.equal(chosen[0]?.hostPort, chosen[1]?.hostPort);
  const range = [PORT, PORT + 1] as const;
  const found = await lab.networks.publish(containerId, network.id, [wish(range), wish(range)]);
  assert.deepEqual(new Set(found.map((p) => p.hostPort)), new Set(range));
  await assert.rejects(lab.networks.publish(containerId, network.id, [wish(range)]), { code: 'PORTS_EXHAUSTED' });
});

test('nonsense is refused before anything is done', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const { containerId } = await lab.container(network);
  const good = { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: PORT } as const;
  for (const [wrong, code] of [
    [{ ...good, containerPort: 0 }, 'INVALID_PARAMETER'],
    [{ ...good, hostPort: 65536 }, 'INVALID_PARAMETER'],
    [{ ...good, hostIp: '203.0.113.9', hostPort: PORT + 1 }, 'HOST_ADDRESS_MISSING'],
    [{ ...good, hostIp: 'localhost' }, 'INVALID_PARAMETER'],
  ] as const) {
    await assert.rejects(lab.networks.publish(containerId, network.id, [good, wrong]), { code });
  }
  await lab.networks.publish(containerId, network.id, [good]);
});

test('a UDP client that never stops sending follows the port to whoever has it', { timeout: 30_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const [client, first, second] = [
    await lab.container(network),
    await lab.container(network),
    await lab.container(network),
  ];
  await lab.serve(first.netns, 53, 'first');
  await lab.serve(second.netns, 53, 'second');
  const wish = { containerPort: 53, protocol: 'udp', hostIp: '0.0.0.0', hostPort: PORT } as const;
  const sender = await lab.program(client.netns, SENDER, network.subnets[0]?.gateway ?? '', String(PORT));
  await lab.networks.publish(first.containerId, network.id, [wish]);
  await sender.until('first');
  await lab.networks.unpublish(first.containerId);
  await lab.networks.publish(second.containerId, network.id, [wish]);
  await sender.until('second');
});

test('a firewall that somebody flushed is written anew with the next port', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const [one, two] = [await lab.container(network), await lab.container(network)];
  await lab.serve(one.netns, 80, 'one');
  const wish = (hostPort: number) => ({ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort }) as const;
  await lab.networks.publish(one.containerId, network.id, [wish(PORT)]);
  using nft = new Nft();
  nft.run(`delete table ip wharf_${lab.instance}`);
  await lab.networks.publish(two.containerId, network.id, [wish(PORT + 1)]);
  assert.match(await lab.ask(undefined, '127.0.0.1', PORT), /^one/);
  nft.run(`delete table ip wharf_${lab.instance}`);
  await lab.networks.unpublish(two.containerId);
  assert.match(await lab.ask(undefined, '127.0.0.1', PORT), /^one/);
});

const SENDER = `
const [address, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4', (data) => console.log(String(data)));
const send = () => socket.send('hello', Number(port), address, () => {});
socket.bind(0, () => { send(); setInterval(send, 20); console.log('ready'); });
`;
