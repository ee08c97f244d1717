import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposedPorts, parsePortKey, portRequests, summaryPorts, wirePorts } from './ports.ts';

test('keys: default protocol, ranges', () => {
  assert.deepEqual(parsePortKey('80'), [{ port: 80, protocol: 'tcp' }]);
  assert.deepEqual(parsePortKey('53/UDP'), [{ port: 53, protocol: 'udp' }]);
  assert.equal(parsePortKey('8000-8002/tcp').length, 3);
});
for (const bad of ['abc', '', '0', '70000', '80/foo', '-80']) {
  test(`refused: "${bad}"`, () => assert.throws(() => parsePortKey(bad)));
}
test('a range must rise', () => assert.throws(() => parsePortKey('90-80'), /invalid range format/));

test('what is published', () => {
  const config = { ExposedPorts: { '80/tcp': {}, '443/tcp': {} } };
  const bindings = {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '18200-18210' }],
    '99/udp': [{}],
  };
  assert.deepEqual(portRequests(config, { PortBindings: bindings }), [
    { containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8080 },
    { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: [18200, 18210] },
    { containerPort: 99, protocol: 'udp', hostIp: '', hostPort: 0 },
  ]);
  assert.deepEqual(
    portRequests(config, { PublishAllPorts: true }).map((p) => [p.containerPort, p.hostPort]),
    [
      [80, 0],
      [443, 0],
    ],
  );
});

test('on the wire: bindings, and null for what is only exposed', () => {
  const exposed = exposedPorts({ ExposedPorts: { '80/tcp': {}, '443/tcp': {} } }, {});
  const published = [
    { containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 },
    { containerPort: 80, protocol: 'tcp', hostIp: '::', hostPort: 8080 },
  ] as const;
  assert.deepEqual(wirePorts(exposed, published), {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '443/tcp': null,
  });
  assert.deepEqual(summaryPorts(exposed, published), [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 443, Type: 'tcp' },
  ]);
});
