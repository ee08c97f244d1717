import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInside, NetworkLab } from './network-lab.ts';
import { onOwnHost } from './network-host.ts';

const POOL = '10.213.80.0/20';
const OPTION = 'com.docker.network';

test('who reaches what is not published, and what is seen of containers outside, is for options to say', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const outside = await neighbour(lab);
    const option = (key, value) => ({ ['com.docker.network.' + key]: value });
    const seen = await lab.serve(outside, 8080, 'seen');
    for (const [name, options] of [
      ['plain', {}],
      ['unprotected', option('bridge.gateway_mode_ipv4', 'nat-unprotected')],
      ['trusted', option('bridge.trusted_host_interfaces', 'out0:lo')],
      ['source', option('host_ipv4', '203.0.113.77')],
      ['bare', option('bridge.enable_ip_masquerade', 'false')],
    ]) {
      const network = await lab.network({ name, options });
      const server = await lab.container(network);
      await lab.serve(server.netns, 80, 'served');
      const other = await lab.container(await lab.network({ name: 'other-' + name }));
      if (name === 'source') sh('ip addr add 203.0.113.77/24 dev out0');
      say(name, (await lab.ask(outside, server.endpoint.ipv4, 80)).split(' ')[0],
        (await lab.ask(other.netns, server.endpoint.ipv4, 80)).split(' ')[0],
        (await lab.ask(server.netns, '203.0.113.2', 8080)).replace(server.endpoint.ipv4, 'CONTAINER'));
    }
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    'plain timeout timeout seen 203.0.113.1',
    'unprotected served timeout seen 203.0.113.1',
    'trusted served timeout seen 203.0.113.1',
    'source timeout timeout seen 203.0.113.77',
    'bare timeout timeout seen CONTAINER',
  ]);
});

test('an interface has the name, the size and the settings that were asked for', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const options = { [`${OPTION}.container_iface_prefix`]: 'wan', [`${OPTION}.driver.mtu`]: '1400' };
  const network = await lab.network({ options });
  const one = await lab.container(network);
  assert.equal(one.endpoint.ifname, 'wan0');
  const two = await lab.container(network, [], {
    options: {
      [`${OPTION}.endpoint.ifname`]: 'uplink',
      [`${OPTION}.endpoint.sysctls`]: 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0',
    },
  });
  const read = (file: string) =>
    runInside(two.netns, `console.log(require('fs').readFileSync('${file}', 'utf8').trim())`);
  assert.equal(await read('/proc/sys/net/ipv4/conf/uplink/log_martians'), '1');
  assert.match(await read('/proc/net/dev'), /uplink:/);
  const wrong: Record<string, string>[] = [
    { [`${OPTION}.endpoint.ifname`]: 'lo' },
    { [`${OPTION}.endpoint.ifname`]: 'a name' },
    { [`${OPTION}.endpoint.sysctls`]: 'kernel.panic=1' },
    { [`${OPTION}.endpoint.sysctls`]: 'net.ipv4.conf.all.forwarding=1' },
    { [`${OPTION}.endpoint.sysctls`]: 'net.ipv4.conf.IFNAME.../x=1' },
  ];
  for (const bad of wrong) {
    await assert.rejects(lab.container(network, [], { options: bad }), { code: 'INVALID_PARAMETER' });
  }
});
