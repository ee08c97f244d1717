import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrefix } from './addresses.ts';
import type { BridgeNetwork, NetworkRequest } from './contract.ts';
import { planNetwork } from './plan.ts';

const ID = 'ab'.repeat(32);

function plan(
  request: Partial<NetworkRequest> = {},
  others: readonly BridgeNetwork[] = [],
  taken: readonly string[] = [],
) {
  const whole = { id: ID, name: 'n', isDefault: false, subnets: [], internal: false, enableIpv6: false, options: {} };
  return planNetwork({ ...whole, ...request }, others, taken.map(parsePrefix), {
    instance: 'cafe12',
    addressPools: [],
  });
}

test('without wishes a network gets the next block and the usual settings', () => {
  assert.deepEqual(plan({ name: 'n' }, [plan({ isDefault: true, id: 'd' })]), {
    id: ID,
    name: 'n',
    bridge: 'br-abababababab',
    subnets: [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }],
    internal: false,
    masquerade: true,
    icc: true,
    mtu: 1500,
    isDefault: false,
    hostBinding: '0.0.0.0',
  });
  assert.equal(plan({ isDefault: true }).bridge, 'wh-cafe120');
  assert.equal(plan({}, [], ['172.17.0.0/16']).subnets[0]?.subnet, '172.18.0.0/16');
});

test('wishes are kept', () => {
  const subnet = { subnet: '10.1.0.0/16', gateway: '10.1.0.254', ipRange: '10.1.5.0/24', aux: { nas: '10.1.5.1' } };
  const network = plan({
    subnets: [subnet],
    internal: true,
    options: {
      'com.docker.network.bridge.name': 'mybr0',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
      'com.docker.network.bridge.enable_icc': '0',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.driver.mtu': '9000',
      'something.else': 'kept by others',
    },
  });
  assert.deepEqual(network.subnets, [subnet]);
  assert.deepEqual(
    [network.bridge, network.masquerade, network.icc, network.hostBinding, network.mtu, network.internal],
    ['mybr0', false, false, '127.0.0.1', 9000, true],
  );
});

test('the gateway avoids addresses kept free', () => {
  const network = plan({ subnets: [{ subnet: '10.1.0.0/24', aux: { a: '10.1.0.1', b: '10.1.0.2' } }] });
  assert.equal(network.subnets[0]?.gateway, '10.1.0.3');
});

test('IPv6 gets a block of unique local addresses, or the one asked for', () => {
  const [v4, v6] = plan({ enableIpv6: true }).subnets;
  assert.equal(v4?.subnet, '172.17.0.0/16');
  assert.match(v6?.subnet ?? '', /^fd[0-9a-f]{2}:.*::\/64$/);
  const asked = plan({ enableIpv6: true, subnets: [{ subnet: 'fd00:7::/64' }] });
  assert.deepEqual(
    asked.subnets.map((s) => s.gateway),
    ['172.17.0.1', 'fd00:7::1'],
  );
});

test('what cannot be is refused', () => {
  const other = plan({ subnets: [{ subnet: '10.1.0.0/16' }] });
  const option = (key: string, value: string) => ({ options: { [`com.docker.network.${key}`]: value } });
  for (const [request, code] of [
    [{ subnets: [{ subnet: '10.1.7.0/24' }] }, 'POOL_OVERLAP'],
    [{ subnets: [{ subnet: '10.2.0.0/24' }, { subnet: '10.2.0.128/25' }] }, 'POOL_OVERLAP'],
    [{ subnets: [{ subnet: '10.2.0.1/24' }] }, 'INVALID_PARAMETER'],
    [{ subnets: [{ gateway: '10.2.0.1' }] }, 'INVALID_PARAMETER'],
    [option('driver.mtu', 'big'), 'INVALID_PARAMETER'],
    [option('bridge.enable_icc', 'maybe'), 'INVALID_PARAMETER'],
    [option('bridge.name', 'a-name-that-is-too-long'), 'INVALID_PARAMETER'],
    [option('bridge.name', 'a b'), 'INVALID_PARAMETER'],
    [option('bridge.name', other.bridge), 'INVALID_PARAMETER'],
    [option('bridge.host_binding_ipv4', '::1'), 'INVALID_PARAMETER'],
  ] as const) {
    assert.throws(() => plan(request, [other]), { code }, JSON.stringify(request));
  }
  assert.throws(() => plan({}, [], ['0.0.0.0/0']), { code: 'POOLS_EXHAUSTED' });
  // Routes of the host are avoided, but somebody who asks for a block gets it.
  assert.equal(plan({ subnets: [{ subnet: '10.3.0.0/24' }] }, [], ['10.0.0.0/8']).subnets.length, 1);
});
