import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { newId } from '../../src/core/ids.ts';
import type { BridgeNetwork, SandboxRecord } from '../../src/network/index.ts';
import { onOwnHost } from './network-host.ts';
import { NetworkLab } from './network-lab.ts';

const POOL = '10.213.48.0/20';
const PORT = 28280;

/** An engine that opens networks and containers, tells what it has, and is killed. */
const ENGINE = `
import { openNetworks } from ${JSON.stringify(new URL('../../src/network/index.ts', import.meta.url).href)};
import { silentLogger } from ${JSON.stringify(new URL('../../src/core/log.ts', import.meta.url).href)};
const [execRoot, instance, base, ...ids] = process.argv.slice(1);
const networks = await openNetworks({ execRoot, instance, addressPools: [{ base, size: 24 }], log: silentLogger });
const request = { subnets: [], internal: false, enableIpv6: false, options: {} };
const planned = [];
for (const [id, name] of [[ids[0], 'kept'], [ids[1], 'dropped']]) {
  planned.push(await networks.plan({ ...request, id, name, isDefault: false }, planned));
  await networks.openNetwork(planned.at(-1));
}
const records = [];
for (const [index, containerId] of ids.slice(2).entries()) {
  const request = { containerId, dns: [] };
  await networks.openSandbox(request);
  const endpoint = await networks.attach({ containerId, endpointId: containerId, networkId: ids[0], names: ['c' + index], gateway: true });
  const port = { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: ${PORT} + index };
  records.push({ request, endpoints: [endpoint], ports: await networks.publish(containerId, ids[0], [port]) });
}
console.log(JSON.stringify({ planned, records }));
process.kill(process.pid, 'SIGKILL');
`;

test('an engine that was killed is taken up again, and what is not listed is swept', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const ids = [newId(), newId(), newId(), newId(), newId()];
  const engine = spawn(
    process.execPath,
    ['--input-type=module', '-e', ENGINE, lab.execRoot, lab.instance, POOL, ...ids],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  engine.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(engine, 'close');
  const { planned, records } = JSON.parse(output) as { planned: BridgeNetwork[]; records: SandboxRecord[] };
  const [kept, dropped] = planned as [BridgeNetwork, BridgeNetwork];
  const [first, second, third] = records as [SandboxRecord, SandboxRecord, SandboxRecord];
  assert.equal(
    lab.census().filter((line) => line.startsWith('link')).length,
    5,
    'two bridges and three ports are left',
  );

  const netns = `${lab.execRoot}/netns/${first.request.containerId}`;
  const server = await lab.serve(netns, 80, 'still here');
  const gateway = kept.subnets[0]?.gateway ?? '';
  assert.equal(await lab.ask(undefined, '127.0.0.1', PORT), `still here ${gateway}`, 'published without an engine');

  await lab.networks.recover([kept], [first, second]);
  lab.planned.push(kept);
  const links = lab.census().filter((line) => line.startsWith('link'));
  const expected = [kept.bridge, first.endpoints[0]?.hostVeth, second.endpoints[0]?.hostVeth];
  assert.deepEqual(links.sort(), expected.map((name) => `link ${name}`).sort());
  assert.equal(lab.networks.sandboxPath(third.request.containerId), undefined);
  assert.ok(!lab.census().some((line) => line.includes(third.request.containerId) || line.includes(dropped.bridge)));

  for (const address of ['127.0.0.1', '::1', gateway]) {
    assert.match(await lab.ask(undefined, address, PORT), /^still here/, `published at ${address}`);
  }
  assert.equal(await lab.ask(undefined, '127.0.0.1', PORT + 2), 'ECONNREFUSED', 'the port of the one that is gone');
  const newcomer = await lab.container(kept, ['new']);
  const addresses = records.flatMap((r) => r.endpoints.map((e) => e.ipv4)).slice(0, 2);
  assert.ok(!addresses.includes(newcomer.endpoint.ipv4), 'addresses in use stay so');
  await assert.rejects(
    lab.networks.publish(newcomer.containerId, kept.id, [
      { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: PORT + 1 },
    ]),
    { code: 'PORT_TAKEN' },
  );
  const resolve = await lab.program(netns, RESOLVE, 'c1');
  assert.equal(resolve.output.trim(), `ready ${second.endpoints[0]?.ipv4}`, 'names resolve again');
  await server.end();
  for (const { request } of [first, second]) await lab.closeContainer(request.containerId);
});

const RESOLVE = `
const resolver = new (require('node:dns').Resolver)();
resolver.setServers(['127.0.0.11']);
resolver.resolve4(process.argv[1], (error, addresses) => console.log('ready', error ? error.code : addresses.join(' ')));
`;

test('recovery without anything to take up leaves nothing', async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  await lab.container(network);
  await lab.networks[Symbol.asyncDispose]();
  // Of an engine that died between a bridge and its mark.
  const unmarked = `wt${lab.instance}000001`;
  execFileSync('ip', ['link', 'add', unmarked, 'type', 'bridge']);
  const again = await lab.reopen();
  await again.recover([], []);
  assert.ok(!existsSync(`/sys/class/net/${unmarked}`));
  assert.deepEqual(lab.census(), []);
  await again.recover([], [{ request: { containerId: newId(), dns: [] }, endpoints: [], ports: [] }]);
  assert.deepEqual(lab.census(), []);
  lab.planned.length = 0;
});

test('a bridge that is deleted by hand is back at once, with those who were on it', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const outside = await neighbour(lab);
    await lab.serve(outside, 8080, 'seen');
    const { near, until } = await pair(lab);
    await until('served');
    const friend = await lab.container(near, ['friend']);
    sh('ip link del ' + near.bridge);
    await until('served');
    say((await lab.ask(friend.netns, '203.0.113.2', 8080)));
    sh('ip link set ' + near.bridge + ' nomaster; ip link del ' + near.bridge);
    await until('served');
    await lab.networks.removeNetwork(near.id);
    say(sh('ip -o link').includes(near.bridge));
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, ['seen 203.0.113.1', 'false']);
});
