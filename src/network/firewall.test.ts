import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeNetwork } from './contract.ts';
import { renderFirewall, renderForwards } from './firewall.ts';

const network: BridgeNetwork = {
  id: 'n',
  name: 'n',
  bridge: 'br-n',
  subnets: [{ subnet: '10.1.0.0/24', gateway: '10.1.0.1' }],
  internal: false,
  masquerade: true,
  icc: true,
  mtu: 1500,
  isDefault: false,
  hostBinding: '0.0.0.0',
};
const linesOf = (text: string) => text.split('\n').map((line) => line.trim());

test('ports without an address and with one go into their maps', () => {
  const forward = { containerPort: 80, protocol: 'tcp', hostPort: 8080, target: '10.1.0.2' } as const;
  const forwards = [
    { ...forward, hostIp: '0.0.0.0' },
    { ...forward, hostIp: '127.0.0.1', protocol: 'udp' as const },
  ];
  const lines = linesOf(renderFirewall('x', [network], forwards));
  assert.ok(lines.includes('elements = { tcp . 8080 : 10.1.0.2 . 80 }'));
  assert.ok(lines.includes('elements = { 127.0.0.1 . udp . 8080 : 10.1.0.2 . 80 }'));
  assert.equal(
    renderForwards('x', 'add', forwards),
    'add element ip wharf_x published { tcp . 8080 : 10.1.0.2 . 80 }\n' +
      'add element ip wharf_x published_at { 127.0.0.1 . udp . 8080 : 10.1.0.2 . 80 }\n',
  );
});

test('settings of a network show in its rules', () => {
  const masquerade = 'ip saddr 10.1.0.0/24 oifname != "br-n" masquerade';
  const shut = 'iifname "br-n" oifname != "br-n" drop';
  const apart = 'iifname "br-n" oifname "br-n" drop';
  for (const [change, present, absent] of [
    [{}, [masquerade], [shut, apart]],
    [{ masquerade: false }, [], [masquerade]],
    [{ internal: true }, [shut], [masquerade]],
    [{ icc: false }, [apart], [shut]],
  ] as const) {
    const lines = linesOf(renderFirewall('x', [{ ...network, ...change }], []));
    for (const line of present) assert.ok(lines.includes(line), `${JSON.stringify(change)}: ${line}`);
    for (const line of absent) assert.ok(!lines.includes(line), `${JSON.stringify(change)}: no ${line}`);
  }
});

test('tables are replaced as a whole, removed without networks, and not there in families that are left alone', () => {
  const removed = 'add table ip wharf_x\ndelete table ip wharf_x\n';
  const removed6 = 'add table ip6 wharf_x\ndelete table ip6 wharf_x\n';
  assert.ok(renderFirewall('x', [network], []).startsWith(`${removed}table ip wharf_x {\n`));
  assert.equal(renderFirewall('x', [], []), removed + removed6);
  const alone = renderFirewall('x', [{ ...network, withoutFirewall: [4] }], []);
  assert.ok(alone.startsWith(`${removed}${removed6}table ip6 wharf_x {\n`));
  assert.ok(renderFirewall('a-b', [], []).startsWith('add table ip wharf_a_b\n'));
});
