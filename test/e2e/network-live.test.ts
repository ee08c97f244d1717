import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { execIn, runToEnd, startContainer } from './support/containers.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';

interface Shown {
  readonly NetworkSettings: {
    readonly Ports: Record<string, { HostPort: string }[] | null>;
    readonly Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string; Gateway: string }>;
  };
}

const inspect = (daemon: TestDaemon, id: string) =>
  api(daemon.socket, 'GET', `/containers/${id}/json`) as Promise<Shown>;
const makeNetwork = (daemon: TestDaemon, request: object) => api(daemon.socket, 'POST', '/networks/create', request);
const gatewayOf = async (daemon: TestDaemon, id: string) =>
  (await execIn(daemon, id, ['ip', 'route'])).split('\n').filter((line) => line.startsWith('default'));

/** What a program at this port of the host says at once. */
function greeting(port: number, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ port, host });
    socket.on('data', (data) => (text += String(data)));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('close', () => resolve(text.trim()));
  });
}

test('default route, published ports and hosts follow networks that come and go', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (const Name of ['first', 'second']) await makeNetwork(daemon, { Name });
    await makeNetwork(daemon, { Name: 'shut', Internal: true });
    const port = 28480;
    const id = await startContainer(
      daemon,
      ['sh', '-c', 'while true; do echo hello | nc -l -p 80; done'],
      { NetworkMode: 'second', PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
      { ExposedPorts: { '80/tcp': {} } },
    );
    const networks = async () => (await inspect(daemon, id)).NetworkSettings.Networks;
    const via = async (name: string) => {
      const gateway = (await networks())[name]?.Gateway;
      const [route = '', ...more] = await gatewayOf(daemon, id);
      assert.ok(route.startsWith(`default via ${gateway} `), `${route}, wanted by way of ${name}`);
      assert.deepEqual(more, []);
      assert.match(await greeting(port), /^hello/);
    };
    await via('second');
    const join = (name: string, GwPriority = 0) =>
      api(daemon.socket, 'POST', `/networks/${name}/connect`, { Container: id, EndpointConfig: { GwPriority } });
    const leave = (name: string) => api(daemon.socket, 'POST', `/networks/${name}/disconnect`, { Container: id });
    await execIn(daemon, id, ['sh', '-c', 'echo "192.0.2.7 of-my-own" >> /etc/hosts']);
    await join('shut', 100);
    await via('second');
    await join('first');
    await via('first');
    const hosts = await execIn(daemon, id, ['cat', '/etc/hosts']);
    for (const { IPAddress } of Object.values(await networks())) assert.ok(hosts.includes(`${IPAddress}\t`), hosts);
    assert.match(hosts, /of-my-own/);
    const gone = (await networks())['first']?.IPAddress ?? '';
    assert.ok(hosts.includes(`${gone}\t`), hosts);
    await leave('first');
    await via('second');
    const left = await execIn(daemon, id, ['cat', '/etc/hosts']);
    assert.ok(!left.includes(`${gone}\t`), left);
    await join('first', -1);
    await via('second');

    // The next daemon knows where the ports have gone.
    await leave('second');
    await via('first');
    await daemon.crash();
    await daemon.start();
    await via('first');
    await leave('first');
    assert.deepEqual(await gatewayOf(daemon, id), []);
    assert.equal(await greeting(port), 'ECONNREFUSED');
    await join('second');
    await via('second');
  });
});

test('a link follows its target to another address, and its file keeps what the container wrote', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const forever = ['sleep', '1000'];
    const db = await startContainer(
      daemon,
      forever,
      {},
      { Name: 'db', ExposedPorts: { '5432/tcp': {} }, Env: ['A=b'] },
    );
    const app = await startContainer(daemon, forever, { Links: ['db:store'] }, { Name: 'app' });
    const address = async () => (await inspect(daemon, db)).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
    const before = await address();
    const linked = async () =>
      (await execIn(daemon, app, ['cat', '/etc/hosts'])).split('\n').filter((line) => line.includes('store'));
    const shortId = db.slice(0, 12);
    assert.deepEqual(await linked(), [`${before}\tstore ${shortId} db`]);
    const env = (await execIn(daemon, app, ['env'])).split('\n').filter((line) => line.startsWith('STORE_'));
    assert.deepEqual(env.sort(), [
      'STORE_ENV_A=b',
      'STORE_NAME=/app/store',
      `STORE_PORT=tcp://${before}:5432`,
      `STORE_PORT_5432_TCP=tcp://${before}:5432`,
      `STORE_PORT_5432_TCP_ADDR=${before}`,
      'STORE_PORT_5432_TCP_PORT=5432',
      'STORE_PORT_5432_TCP_PROTO=tcp',
    ]);
    await execIn(daemon, app, ['sh', '-c', 'echo "192.0.2.7 of-my-own" >> /etc/hosts']);
    await api(daemon.socket, 'POST', `/containers/${db}/stop?t=0`);
    const squatter = await startContainer(daemon, forever);
    await api(daemon.socket, 'POST', `/containers/${db}/start`);
    const after = await address();
    assert.notEqual(after, before);
    assert.deepEqual(await linked(), [`${after}\tstore ${shortId} db`]);
    assert.match(await execIn(daemon, app, ['cat', '/etc/hosts']), /of-my-own/);
    await api(daemon.socket, 'DELETE', `/containers/${squatter}?force=1`);
  });
});

test('addresses that are asked for are given, and what cannot be is refused in known words', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    await makeNetwork(daemon, {
      Name: 'both',
      EnableIPv6: true,
      IPAM: {
        Config: [
          { Subnet: '10.213.200.0/24', IPRange: '10.213.200.128/30', AuxiliaryAddresses: { router: '10.213.200.128' } },
          { Subnet: 'fd00:213::/64' },
        ],
      },
    });
    await makeNetwork(daemon, { Name: 'plain' });
    const on = (network: string, ipv4: string, ipv6 = '') => ({
      NetworkingConfig: {
        EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: ipv4, IPv6Address: ipv6 } } },
      },
    });
    const fixed = await startContainer(
      daemon,
      ['sleep', '1000'],
      { NetworkMode: 'both' },
      on('both', '10.213.200.9', 'fd00:213::9'),
    );
    const given = (await inspect(daemon, fixed)).NetworkSettings.Networks['both'];
    assert.deepEqual([given?.IPAddress, given?.GlobalIPv6Address], ['10.213.200.9', 'fd00:213::9']);
    const show = [
      'sh',
      '-c',
      "ip -o addr show eth0 | awk '{print $4}'; ping -6 -c1 -W2 fd00:213::9 > /dev/null && echo reached",
    ];
    const dynamic = (await runToEnd(daemon, show, { NetworkMode: 'both' })).split('\n');
    assert.equal(dynamic[0], '10.213.200.129/24', 'the first of the range that is not kept free');
    assert.equal(dynamic.at(-1), 'reached');
    const refused: [object, string, RegExp][] = [
      [on('both', '10.213.200.9'), 'both', /403 .*Address already in use/],
      [on('both', '10.214.0.1'), 'both', /400 .*no configured subnet contains IP address 10\.214\.0\.1/],
      [on('plain', '10.213.1.9'), 'plain', /400 .*only when connecting to networks with user configured subnets/],
    ];
    for (const [more, NetworkMode, message] of refused) {
      await assert.rejects(startContainer(daemon, ['true'], { NetworkMode }, more), message);
    }
    await api(daemon.socket, 'POST', `/containers/${fixed}/kill`);
  });
});

test('kinds of networks that are not there are refused clearly', { timeout: 60_000 }, async () => {
  await withDaemon(async (daemon) => {
    const option = (key: string, value: string) => ({ Options: { [`com.docker.network.${key}`]: value } });
    const refused: [object, RegExp][] = [
      [{ Driver: 'overlay' }, /501 .*the network driver \\"overlay\\"/],
      [{ Driver: 'macvlan', Options: { parent: 'lo' } }, /400 .*loopback interface is not a valid macvlan parent/],
      [{ Driver: 'macvlan', Options: { parent: 'nope0' } }, /400 .*the parent interface nope0 was not found/],
      [{ Driver: 'macvlan', Options: { macvlan_mode: 'odd' } }, /400 .*unknown macvlan mode \\"odd\\"/],
      [{ Driver: 'ipvlan', Options: { ipvlan_mode: 'l4' } }, /400 .*unknown ipvlan mode \\"l4\\"/],
      [{ Driver: 'ipvlan', Options: { ipvlan_flag: 'odd' } }, /400 .*unknown ipvlan flag \\"odd\\"/],
      [{ Driver: 'ipvlan', Options: { parent: 'lo.5000' } }, /400 .*vlan id must be between 1-4094/],
      [{ Driver: 'nope' }, /404 .*plugin \\"nope\\" not found/],
      [{ Driver: 'host' }, /403 .*only one instance of \\"host\\" network is allowed/],
      [{ EnableIPv4: false }, /400 .*IPv4 or IPv6 must be enabled/],
      [{ Ingress: true }, /501 /],
      [{ IPAM: { Driver: 'other' } }, /400 .*ipam driver/],
      [option('bridge.gateway_mode_ipv4', 'isolated'), /400 .*can only be used for an internal network/],
      [option('bridge.gateway_mode_ipv4', 'natt'), /400 .*is no gateway mode/],
      [{ IPAM: { Config: [{ Subnet: '10.213.9.1/24' }] } }, /400 .*it should be 10\.213\.9\.0\/24/],
    ];
    for (const [request, message] of refused)
      await assert.rejects(makeNetwork(daemon, { Name: 'odd', ...request }), message);
  });
});

test('networks nobody is on are pruned, also those that a stopped container was on', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    for (const Name of ['used', 'unused', 'left']) await makeNetwork(daemon, { Name, Labels: { of: Name } });
    await startContainer(daemon, ['sleep', '1000'], { NetworkMode: 'used' });
    const ended = await startContainer(daemon, ['true'], { NetworkMode: 'left' });
    await api(daemon.socket, 'POST', `/containers/${ended}/wait`);
    const names = async (filters: object) => {
      const query = encodeURIComponent(JSON.stringify(filters));
      return ((await api(daemon.socket, 'GET', `/networks?filters=${query}`)) as { Name: string }[])
        .map((n) => n.Name)
        .sort();
    };
    assert.deepEqual(await names({ type: ['builtin'] }), ['bridge', 'host', 'none']);
    assert.deepEqual(await names({ driver: ['bridge'], type: ['custom'] }), ['left', 'unused', 'used']);
    assert.deepEqual(await names({ name: ['used'] }), ['unused', 'used']);
    assert.deepEqual(await names({ label: ['of=left'] }), ['left']);
    assert.deepEqual(await names({ dangling: ['false'], type: ['custom'] }), ['used']);
    assert.deepEqual(await names({ scope: ['global'] }), []);
    const filters = encodeURIComponent(JSON.stringify({ 'label!': ['of=unused'] }));
    assert.deepEqual(await api(daemon.socket, 'POST', `/networks/prune?filters=${filters}`), {
      NetworksDeleted: ['left'],
    });
    assert.deepEqual(await api(daemon.socket, 'POST', '/networks/prune'), { NetworksDeleted: ['unused'] });
    assert.deepEqual(await api(daemon.socket, 'POST', '/networks/prune'), { NetworksDeleted: null });
  });
});

test('the default bridge goes elsewhere when the host uses its addresses, if nobody is on it', {
  timeout: 120_000,
}, async () => {
  await withDaemon(async (daemon) => {
    const subnet = async () =>
      (await api(daemon.socket, 'GET', '/networks/bridge')) as { Id: string; IPAM: { Config: { Subnet: string }[] } };
    const before = await subnet();
    await daemon.stop();
    const device = `whtest${process.pid % 100_000}`;
    const block = before.IPAM.Config[0]?.Subnet ?? '';
    execFileSync('ip', ['link', 'add', device, 'type', 'bridge']);
    const remove = () => execFileSync('ip', ['link', 'delete', device]);
    try {
      execFileSync('ip', ['addr', 'add', block.replace('.0/', '.77/'), 'dev', device]);
      execFileSync('ip', ['link', 'set', device, 'up']);
      await daemon.start();
      const after = await subnet();
      assert.notEqual(after.IPAM.Config[0]?.Subnet, block);
      assert.equal(after.Id, before.Id);
    } finally {
      remove();
    }
  });
});
