import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onOwnHost } from './network-host.ts';

test('containers of a macvlan network are on the wire of the host, each with its own address', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const outside = await neighbour(lab);
    sh('nsenter --net=' + outside + ' ip route del default');
    await lab.serve(outside, 8080, 'seen');
    const subnets = [{ subnet: '203.0.113.0/24', gateway: '203.0.113.2', ipRange: '203.0.113.64/27' }];
    const network = await lab.network({ name: 'wire', driver: 'macvlan', subnets, options: { parent: 'out0' } });
    const one = await lab.container(network, ['one']);
    const two = await lab.container(network, ['two'], { mac: '02:00:00:00:00:77', ipv4: '203.0.113.77' });
    await lab.serve(one.netns, 80, 'served');
    say(one.endpoint.ipv4, two.endpoint.ipv4, one.endpoint.hostVeth === '');
    say(await lab.ask(outside, one.endpoint.ipv4, 80), await lab.ask(two.netns, one.endpoint.ipv4, 80));
    say(await lab.ask(one.netns, '203.0.113.2', 8080));
    say(sh('nsenter --net=' + two.netns + ' cat /sys/class/net/eth0/address 2>/dev/null || true; nsenter --net=' + two.netns + ' ip -o link show eth0').match(/02:00:00:00:00:77/)?.[0]);
    say(sh('nsenter --net=' + one.netns + ' ip route show default'));
    say(JSON.stringify(await lab.networks.publish(one.containerId, network.id, [{ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 28399 }])));
    await lab.networks.detach(two.containerId, network.id);
    say(sh('nsenter --net=' + two.netns + ' ip -o link').includes('eth0'));
    await lab.networks.attach({ containerId: two.containerId, endpointId: 'a'.repeat(64), networkId: network.id, names: [], gateway: false });
    await lab.closeContainer(two.containerId);
    say(sh('ip -o link').includes('out0'));
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    '203.0.113.64 203.0.113.77 true',
    'served 203.0.113.2 served 203.0.113.77',
    'seen 203.0.113.64',
    '02:00:00:00:00:77',
    'default via 203.0.113.2 dev eth0',
    '[]',
    'false',
    'true',
  ]);
});

test('without a parent a macvlan network leads nowhere, and leaves nothing; parents are shared or refused', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const network = await lab.network({ name: 'alone', driver: 'macvlan', internal: true });
    const [one, two] = [await lab.container(network, ['one']), await lab.container(network, ['two'])];
    await lab.serve(one.netns, 80, 'served');
    say((await lab.ask(two.netns, one.endpoint.ipv4, 80)).split(' ')[0], sh('nsenter --net=' + one.netns + ' ip route show default'));
    say((await lab.ask(undefined, one.endpoint.ipv4, 80)).split(' ')[0]);
    sh('ip link add p0 type veth peer name p1; ip link set p0 up; ip link set p1 up');
    const option = (parent, extra = {}) => ({ driver: 'macvlan', options: { parent, ...extra } });
    await lab.network({ name: 'a', ...option('p0') });
    await lab.network({ name: 'b', ...option('p0', { macvlan_mode: 'private' }) });
    const why = async (request) => lab.network(request).then(() => 'made', (error) => error.code + ' ' + error.message);
    say(await why({ name: 'c', ...option('p0', { macvlan_mode: 'passthru' }) }));
    say(await why({ name: 'd', driver: 'ipvlan', options: { parent: 'p0' } }));
    say(await why({ name: 'e', ...option('nope0') }));
    for (const end of ends) await end();
    say(sh('ip -o link').includes(network.bridge));
  `);
  assert.deepEqual(said, [
    'served ',
    'ENETUNREACH',
    'NETWORK_NOT_POSSIBLE network a is already using parent interface p0',
    'NETWORK_NOT_POSSIBLE network a is already using parent interface p0',
    'INVALID_PARAMETER network e: the parent interface nope0 was not found on the host',
    'false',
  ]);
});

test('a kernel without ipvlan says so, one with it gives containers the MAC of their parent', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    sh('ip link add p0 type veth peer name p1; ip link set p0 up; ip link set p1 up');
    const modes = {};
    for (const mode of ['l2', 'l3']) {
      const subnets = [{ subnet: mode === 'l2' ? '203.0.114.0/24' : '203.0.115.0/24' }];
      const network = await lab.network({ name: mode, driver: 'ipvlan', subnets, options: { parent: mode === 'l2' ? 'p0' : 'p1', ipvlan_mode: mode } });
      try {
        const one = await lab.container(network, ['one']);
        say(mode, sh('nsenter --net=' + one.netns + ' ip route show default').trim());
      } catch (error) {
        say(mode, error.code, error.message, error.context?.hint);
      }
    }
    for (const end of ends) await end();
  `);
  const missing = 'INVALID_PARAMETER the kernel of this host has no ipvlan devices load its module (modprobe ipvlan)';
  assert.ok(
    said[0]?.startsWith(`l2 ${missing}`)
      ? said[1]?.startsWith(`l3 ${missing}`)
      : said[0] === 'l2 default via 203.0.114.1 dev eth0' && said[1] === 'l3 default dev eth0 scope link',
    said.join('\n'),
  );
});

test('routed: containers are reached at their own addresses, at published ports alone, and seen as they are', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const outside = await neighbour(lab);
    sh('nsenter --net=' + outside + ' ip -6 addr add 2001:db8:9::2/64 dev in0 nodad; ip -6 addr add 2001:db8:9::1/64 dev out0 nodad');
    sh('nsenter --net=' + outside + ' ip -6 route add default via 2001:db8:9::1');
    await lab.serve(outside, 8080, 'seen');
    const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' };
    const network = await lab.network({ name: 'routed', options });
    const one = await lab.container(network);
    await lab.serve(one.netns, 80, 'served');
    await lab.serve(one.netns, 81, 'hidden');
    const publish = (containerPort, hostPort) => lab.networks.publish(one.containerId, network.id, [{ containerPort, protocol: 'tcp', hostIp: '0.0.0.0', hostPort }]);
    say(await lab.ask(outside, one.endpoint.ipv4, 80));
    say(JSON.stringify(await publish(80, 28398)));
    say(await lab.ask(outside, one.endpoint.ipv4, 80), await lab.ask(outside, one.endpoint.ipv4, 81));
    say(await lab.ask(outside, '203.0.113.1', 28398), (await lab.ask(one.netns, '203.0.113.2', 8080)).replace(one.endpoint.ipv4, 'ITSELF'));
    const there = { request: { containerId: one.containerId, dns: [] }, endpoints: [one.endpoint], ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 0 }] };
    await lab.networks[Symbol.asyncDispose]();
    const again = await lab.reopen();
    await again.recover(lab.planned, [there]);
    say(await lab.ask(outside, one.endpoint.ipv4, 80));
    await again.unpublish(one.containerId);
    say(await lab.ask(outside, one.endpoint.ipv4, 80));
    for (const end of ends) await end();
  `);
  const neighbour = '203.0.113.2';
  assert.deepEqual(said, [
    'timeout',
    '[{"containerPort":80,"protocol":"tcp","hostIp":"0.0.0.0","hostPort":0}]',
    `served ${neighbour} timeout`,
    'ECONNREFUSED seen ITSELF',
    `served ${neighbour}`,
    'timeout',
  ]);
});

test('isolated: not even the host is on such a network', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' };
    const network = await lab.network({ name: 'isolated', internal: true, options });
    const [one, two] = [await lab.container(network), await lab.container(network)];
    await lab.serve(one.netns, 80, 'served');
    say((await lab.ask(two.netns, one.endpoint.ipv4, 80)).split(' ')[0]);
    say((await lab.ask(undefined, one.endpoint.ipv4, 80)).split(' ')[0]);
    say('[' + sh('ip -4 -o addr show dev ' + network.bridge) + ']');
    const bare = await lab.network({ name: 'bare', options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } });
    say('[' + sh('ip -4 -o addr show dev ' + bare.bridge) + ']');
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, ['served', 'ENETUNREACH', '[]', '[]']);
});

test('on networks of one family each, a container has a way out of both', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const [four, six] = [await lab.network({ name: 'four' }), await lab.network({ name: 'six', enableIpv4: false, enableIpv6: true, subnets: [{ subnet: '2001:db8:7::/64' }] })];
    const shut = await lab.network({ name: 'shut', internal: true });
    const one = await lab.container(six);
    const routes = () => sh('nsenter --net=' + one.netns + ' sh -c "ip route show default; ip -6 route show default"').replaceAll(/ metric.*/g, '').split(String.fromCharCode(10)).map((s) => s.trim()).join(', ');
    say(routes());
    await lab.attach(one.containerId, shut, [], { gateway: false });
    await lab.attach(one.containerId, four, [], { gateway: false });
    say(routes());
    await lab.networks.detach(one.containerId, six.id);
    say(routes());
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    'default via 2001:db8:7::1 dev eth0',
    'default via 10.213.64.1 dev eth2, default via 2001:db8:7::1 dev eth0',
    'default via 10.213.64.1 dev eth2',
  ]);
});

test('a network of IPv6 alone: names, ports, the way out', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const outside = await neighbour(lab);
    sh('nsenter --net=' + outside + ' ip -6 addr add 2001:db8:9::2/64 dev in0 nodad; ip -6 addr add 2001:db8:9::1/64 dev out0 nodad');
    const subnets = [{ subnet: '2001:db8:7::/64' }];
    const network = await lab.network({ name: 'six', enableIpv4: false, enableIpv6: true, subnets });
    const [one, two] = [await lab.container(network, ['one']), await lab.container(network, ['two'])];
    say(JSON.stringify([one.endpoint.ipv4, one.endpoint.ipv6, one.endpoint.gateway, one.endpoint.ipv6Gateway]));
    const node = (netns, script, ...args) => lab.program(netns, script, ...args);
    const serve6 = "require('node:net').createServer((c) => { c.on('error', () => {}); c.end(process.argv[1] + ' ' + c.remoteAddress); }).listen(Number(process.argv[2]), '::', () => console.log('ready'))";
    await node(one.netns, serve6, 'served', '80');
    await node(outside, serve6, 'seen', '8080');
    const ports = await lab.networks.publish(one.containerId, network.id, [{ containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 28397 }]);
    say(JSON.stringify(ports));
    say(await lab.ask(two.netns, one.endpoint.ipv6, 80));
    say((await lab.ask(undefined, '::1', 28397)).split(' ')[0], await lab.ask(outside, '2001:db8:9::1', 28397));
    say((await lab.ask(two.netns, '2001:db8:9::1', 28397)).split(' ')[0], (await lab.ask(one.netns, '2001:db8:9::1', 28397)).split(' ')[0]);
    say(await lab.ask(one.netns, '2001:db8:9::2', 8080));
    const lookup = await node(two.netns, "const r = new (require('node:dns').Resolver)(); r.setServers(['127.0.0.11']); r.resolve6('one', (e, a) => r.resolve4('one', (f, b) => r.reverse('2001:db8:7::2', (g, c) => console.log('ready', e ? e.code : a, f ? f.code : b, g ? g.code : c))))");
    say(lookup.output.trim());
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    '["","2001:db8:7::2","","2001:db8:7::1"]',
    '[{"containerPort":80,"protocol":"tcp","hostIp":"::","hostPort":28397}]',
    'served 2001:db8:7::3',
    'served served 2001:db8:9::2',
    'served served',
    'seen 2001:db8:9::1',
    "ready [ '2001:db8:7::2' ] ENODATA [ 'one.six' ]",
  ]);
});
