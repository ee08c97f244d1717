import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { NetworkLab, runInside } from './network-lab.ts';

const POOL = '10.213.0.0/20';
const PORT = 28080;
const hostAddress = Object.values(networkInterfaces())
  .flat()
  .find((i) => i?.family === 'IPv4' && !i.internal)?.address;

test('a published port answers from everywhere, and only as published', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const [home, abroad] = [await lab.network({ name: 'home' }), await lab.network({ name: 'abroad' })];
  const server = await lab.container(home);
  const neighbour = await lab.container(home);
  const stranger = await lab.container(abroad);
  await lab.serve(server.netns, 80, 'here');
  const requests = (['tcp', 'udp'] as const).map((protocol) => ({
    containerPort: 80,
    protocol,
    hostIp: '',
    hostPort: PORT,
  }));
  const published = await lab.networks.publish(server.containerId, home.id, requests);
  assert.deepEqual(
    published.map((p) => `${p.hostIp} ${p.hostPort} ${p.protocol}`),
    [`0.0.0.0 ${PORT} tcp`, `:: ${PORT} tcp`, `0.0.0.0 ${PORT} udp`, `:: ${PORT} udp`],
  );
  const gateway = home.subnets[0]?.gateway ?? '';
  const from = [
    ['the host', undefined],
    ['the container itself', server.netns],
    ['a neighbour', neighbour.netns],
    ['a container on another network', stranger.netns],
  ] as const;
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const [who, netns] of from) {
      for (const address of [gateway, ...(hostAddress === undefined ? [] : [hostAddress])]) {
        await t.test(`${protocol} from ${who} by ${address}`, async () => {
          assert.match(await lab.ask(netns, address, PORT, protocol), /^here /);
        });
      }
    }
    for (const address of ['127.0.0.1', '::1']) {
      await t.test(`${protocol} from the host by ${address}`, async () => {
        assert.equal(await lab.ask(undefined, address, PORT, protocol), `here ${gateway}`);
      });
    }
  }
  await t.test('a neighbour reaches the container itself and is seen with its own address', async () => {
    assert.equal(await lab.ask(neighbour.netns, server.endpoint.ipv4, 80), `here ${neighbour.endpoint.ipv4}`);
  });
  await t.test('a container on another network does not', async () => {
    assert.equal(await lab.ask(stranger.netns, server.endpoint.ipv4, 80), 'timeout');
  });
  await t.test('nobody does when it is taken back', async () => {
    await lab.networks.unpublish(server.containerId);
    assert.equal(await lab.ask(undefined, '127.0.0.1', PORT), 'ECONNREFUSED');
    assert.equal(await lab.ask(undefined, '::1', PORT), 'ECONNREFUSED');
    assert.equal(await lab.ask(neighbour.netns, gateway, PORT), 'ECONNREFUSED');
  });
});

test('a port published on 127.0.0.1 answers there alone', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network({ isDefault: true });
  const server = await lab.container(network);
  const neighbour = await lab.container(network);
  await lab.serve(server.netns, 80, 'here');
  await lab.serve(undefined, PORT + 1, 'host');
  const port = { containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: PORT } as const;
  assert.deepEqual(await lab.networks.publish(server.containerId, network.id, [port]), [port]);
  const gateway = network.subnets[0]?.gateway ?? '';
  assert.equal(await lab.ask(undefined, '127.0.0.1', PORT), `here ${gateway}`);
  assert.equal(await lab.ask(undefined, gateway, PORT), 'ECONNREFUSED');
  assert.equal(await lab.ask(neighbour.netns, gateway, PORT), 'ECONNREFUSED');
});

test('an internal network is shut to the world, one without icc among its own', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const inner = await lab.network({ name: 'inner', internal: true });
  const quiet = await lab.network({ name: 'quiet', options: { 'com.docker.network.bridge.enable_icc': 'false' } });
  const [a, b] = [await lab.container(inner), await lab.container(inner)];
  const [c, d] = [await lab.container(quiet), await lab.container(quiet)];
  for (const { netns } of [a, c]) await lab.serve(netns, 80, 'here');
  await lab.serve(undefined, PORT, 'host');
  assert.match(await lab.ask(b.netns, a.endpoint.ipv4, 80), /^here/);
  assert.equal(await lab.ask(b.netns, hostAddress ?? '127.0.0.2', PORT), 'ENETUNREACH');
  assert.match(await lab.ask(b.netns, inner.subnets[0]?.gateway ?? '', PORT), /^host/);
  assert.equal(await lab.ask(undefined, c.endpoint.ipv4, 80), `here ${quiet.subnets[0]?.gateway}`);
  assert.match(await lab.ask(d.netns, c.endpoint.ipv4, 80), /timeout|EHOSTUNREACH/);
  const port = { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: PORT + 1 } as const;
  assert.deepEqual(await lab.networks.publish(a.containerId, inner.id, [port]), []);
  await lab.networks.publish(c.containerId, quiet.id, [port]);
  assert.match(await lab.ask(d.netns, quiet.subnets[0]?.gateway ?? '', PORT + 1), /^here/);
});

test('a container may come to and leave networks while it runs', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const [first, second] = [await lab.network({ name: 'first' }), await lab.network({ name: 'second' })];
  const server = await lab.container(first);
  const client = await lab.container(second);
  await lab.serve(server.netns, 80, 'here');
  await lab.serve(undefined, PORT, 'host');
  const endpoint = await lab.attach(server.containerId, second, [], { gateway: false });
  assert.equal(endpoint.ifname, 'eth1');
  assert.match(await lab.ask(client.netns, endpoint.ipv4, 80), /^here/);
  await assert.rejects(lab.attach(server.containerId, second), { code: 'ALREADY_ATTACHED' });
  await lab.networks.detach(server.containerId, first.id);
  assert.match(await lab.ask(server.netns, hostAddress ?? '', PORT), /^host/, 'the other network gives the way out');
  assert.equal((await lab.attach(server.containerId, first, [], { gateway: false })).ifname, 'eth0');
});

test('a static address, a MAC address and an MTU are kept; a failed attach leaves nothing', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const subnet = '10.213.15.0/24';
  const network = await lab.network({ subnets: [{ subnet }], options: { 'com.docker.network.driver.mtu': '1400' } });
  const { containerId, endpoint } = await lab.container(network, [], {
    ipv4: '10.213.15.77',
    mac: '02:00:00:00:00:07',
  });
  assert.deepEqual(
    { ipv4: endpoint.ipv4, mac: endpoint.mac, gateway: endpoint.gateway, prefixLength: endpoint.prefixLength },
    { ipv4: '10.213.15.77', mac: '02:00:00:00:00:07', gateway: '10.213.15.1', prefixLength: 24 },
  );
  const before = lab.census();
  const other = (await lab.networks.openSandbox({ containerId: 'f'.repeat(64), dns: [] })).path;
  assert.equal(lab.networks.sandboxPath('f'.repeat(64)), other);
  for (const [wrong, code] of [
    [{ ipv4: '10.213.15.77' }, 'ADDRESS_IN_USE'],
    [{ ipv4: '10.213.15.1' }, 'ADDRESS_IN_USE'],
    [{ ipv4: '10.99.0.1' }, 'INVALID_PARAMETER'],
    [{ mac: '01:00:00:00:00:07' }, 'INVALID_PARAMETER'],
    [{ endpointId: endpoint.hostVeth.slice(4) }, 'EEXIST'],
  ] as const) {
    await assert.rejects(lab.attach('f'.repeat(64), network, [], wrong), { code }, JSON.stringify(wrong));
  }
  await lab.closeContainer('f'.repeat(64));
  // The veth that was in the way is the first container's, and must have stayed.
  assert.deepEqual(lab.census(), before);
  await lab.closeContainer(containerId);
});

test('with IPv6 a container has an address of each kind, and both are reached', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const [six, other] = [await lab.network({ enableIpv6: true }), await lab.network({ enableIpv6: true })];
  const [server, client] = [await lab.container(six), await lab.container(six)];
  const stranger = await lab.container(other);
  const { ipv6 = '', ipv6Gateway } = server.endpoint;
  assert.equal(ipv6, six.subnets[1]?.subnet.replace('/64', '2'));
  assert.equal(ipv6Gateway, six.subnets[1]?.gateway);
  await lab.program(server.netns, SERVER6);
  assert.equal(await lab.ask(client.netns, ipv6, 80), client.endpoint.ipv6);
  assert.equal(await lab.ask(undefined, ipv6, 80), ipv6Gateway);
  assert.equal(await lab.ask(stranger.netns, ipv6, 80), 'timeout');
});

test('programs that are started inherit no socket of the engine', async (t) => {
  const inherited = () => runInside(undefined, "console.log(require('node:fs').readdirSync('/proc/self/fd').length)");
  const before = await inherited();
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const { containerId } = await lab.container(network);
  await lab.networks.publish(containerId, network.id, [
    { containerPort: 80, protocol: 'udp', hostIp: '', hostPort: 0 },
    { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 0 },
  ]);
  assert.equal(await inherited(), before);
});

const SERVER6 = `
require('node:net').createServer((client) => client.end(client.remoteAddress)).listen(80, '::', () => console.log('ready'));
`;
