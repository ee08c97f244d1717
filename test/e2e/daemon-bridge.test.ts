import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { execIn, runToEnd, startContainer } from './support/containers.ts';
import { instanceOf, type TestDaemon, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

const SERVE = [
  'sh',
  '-c',
  'while true; do echo served | nc -l -p 80 >/dev/null; done & nc -l -p 81 -e true; sleep 1000',
];
const ask = (host: string, port: number) => [
  'sh',
  '-c',
  `nc -w 2 ${host} ${port} </dev/null 2>/dev/null || echo refused`,
];

async function addressOf(daemon: TestDaemon, id: string): Promise<string> {
  const shown = (await api(daemon.socket, 'GET', `/containers/${id}/json`)) as {
    NetworkSettings: { Networks: { bridge: { IPAddress: string } } };
  };
  return shown.NetworkSettings.Networks.bridge.IPAddress;
}

test('--icc=false keeps containers of the default bridge apart, but for exposed ports of links, also after restarts', {
  timeout: 120_000,
}, async () => {
  const args = ['--icc=false', '--bip', '10.213.200.1/24'];
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const exposed = { ExposedPorts: { '80/tcp': {} }, Name: 'server' };
      const published = { PortBindings: { '80/tcp': [{ HostPort: '28871' }] } };
      const server = await startContainer(daemon, SERVE, published, exposed);
      const address = await addressOf(daemon, server);
      const linked = await startContainer(daemon, ['sleep', '1000'], { Links: ['server:db'] });
      const other = await startContainer(daemon, ['sleep', '1000']);
      const check = async (at: string) => {
        assert.equal(await execIn(daemon, linked, ask(at, 80)), 'served', 'an exposed port of a link');
        assert.equal(await execIn(daemon, linked, ask(at, 81)), 'refused', 'another port of a link');
        assert.equal(await execIn(daemon, other, ask(at, 80)), 'refused', 'a container without link');
        assert.equal(await execIn(daemon, other, ask('10.213.200.1', 28871)), 'served', 'a published port');
      };
      await check(address);
      await daemon.crash();
      await daemon.start();
      await check(address);
      // Somebody else takes the address meanwhile.
      await api(daemon.socket, 'POST', `/containers/${server}/stop?t=0`);
      const taker = await startContainer(daemon, ['sleep', '1000']);
      await api(daemon.socket, 'POST', `/containers/${server}/start`);
      await check(await addressOf(daemon, server));
      for (const id of [server, linked, other, taker]) await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
      assert.doesNotMatch((await run('nft', ['list', 'ruleset'])).stdout, /set linked/);
    },
    { args },
  );
});

test("dockerd's settings of the default bridge and of new networks do what they do there", {
  timeout: 120_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-settings-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const configuration = {
    bip: '10.213.201.1/24',
    'fixed-cidr': '10.213.201.128/25',
    'default-gateway': '10.213.201.9',
    ipv6: true,
    'fixed-cidr-v6': 'fd00:213:201::/64',
    mtu: 1380,
    ip: '127.0.0.1',
    'ip-masq': false,
    'host-gateway-ips': ['10.213.201.77'],
    'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1234' } },
    'seccomp-profile': join(directory, 'seccomp.json'),
    'storage-driver': 'overlay2',
    'userland-proxy': false,
  };
  const noDirectories = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 };
  const profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [noDirectories] };
  writeFileSync(join(directory, 'seccomp.json'), JSON.stringify(profile));
  writeFileSync(join(directory, 'daemon.json'), JSON.stringify(configuration));
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const net = (await api(daemon.socket, 'GET', '/networks/bridge')) as {
        IPAM: { Config: object[] };
        EnableIPv6: boolean;
        Options: Record<string, string>;
      };
      assert.deepEqual(net.IPAM.Config, [
        {
          Subnet: '10.213.201.0/24',
          IPRange: '10.213.201.128/25',
          Gateway: '10.213.201.1',
          AuxiliaryAddresses: { DefaultGatewayIPv4: '10.213.201.9' },
        },
        { Subnet: 'fd00:213:201::/64', Gateway: 'fd00:213:201::1' },
      ]);
      assert.equal(net.EnableIPv6, true);
      assert.equal(net.Options['com.docker.network.bridge.enable_ip_masquerade'], 'false');
      const script = 'ip route; ip -o addr show eth0; cat /sys/class/net/eth0/mtu; grep gate /etc/hosts; mkdir /x';
      const seen = await runToEnd(daemon, ['sh', '-c', script], { ExtraHosts: ['gate:host-gateway'] });
      assert.match(seen, /^default via 10\.213\.201\.9 dev eth0/m);
      assert.match(seen, /inet 10\.213\.201\.1(2[89]|[3-9]\d)\/24/);
      assert.match(seen, /inet6 fd00:213:201::\S+\/64/);
      assert.match(seen, /^1380$/m);
      assert.match(seen, /^10\.213\.201\.77\tgate$/m);
      assert.match(seen, /mkdir: .*Operation not permitted/);
      const ports = { PortBindings: { '80/tcp': [{ HostPort: '28872' }] } };
      const id = await startContainer(daemon, ['sleep', '1000'], ports, { ExposedPorts: { '80/tcp': {} } });
      const shown = (await api(daemon.socket, 'GET', `/containers/${id}/json`)) as {
        NetworkSettings: { Ports: Record<string, object[]> };
      };
      assert.deepEqual(shown.NetworkSettings.Ports['80/tcp'], [{ HostIp: '127.0.0.1', HostPort: '28872' }]);
      await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
      await api(daemon.socket, 'POST', '/networks/create', { Name: 'small' });
      const mtu = await runToEnd(daemon, ['cat', '/sys/class/net/eth0/mtu'], { NetworkMode: 'small' });
      assert.equal(mtu, '1234');
      await api(daemon.socket, 'DELETE', '/networks/small');
    },
    { args: ['--config-file', join(directory, 'daemon.json')] },
  );
});

test('with --iptables=false the IPv4 firewall is left alone: ports are relayed, also after a restart', {
  timeout: 120_000,
}, async () => {
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const ports = { PortBindings: { '80/tcp': [{ HostPort: '28873' }] } };
      const serve = ['nc', '-ll', '-p', '80', '-e', 'echo', 'served'];
      const id = await startContainer(daemon, serve, ports, { ExposedPorts: { '80/tcp': {} } });
      const check = async () => {
        for (const host of ['127.0.0.1', '10.213.202.1', '::1']) {
          assert.equal(await text(connect(28873, host)), 'served\n', host);
        }
        const { stdout } = await run('nft', ['list', 'tables']);
        const tables = stdout.split('\n').filter((line) => line.endsWith(` wharf_${instanceOf(daemon.dataRoot)}`));
        assert.deepEqual(
          tables.map((line) => line.split(' ')[1]),
          ['ip6'],
        );
      };
      const listening = 'until grep -q :0050 /proc/net/tcp*; do usleep 10000; done';
      await execIn(daemon, id, ['sh', '-c', listening]);
      await check();
      await daemon.crash();
      await daemon.start();
      await check();
      await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
    },
    { args: ['--iptables=false', '--bip', '10.213.202.1/24'] },
  );
});
