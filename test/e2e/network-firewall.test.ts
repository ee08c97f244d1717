import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

/** A host of its own: a network namespace in which nobody is disturbed by what is done to the firewall. */
async function onOwnHost(script: string): Promise<string[]> {
  const lab = fileURLToPath(new URL('./network-lab.ts', import.meta.url));
  const child = spawn(
    'unshare',
    ['--net', process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PRELUDE + script],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LAB: lab } },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, errors);
  return output.trim().split('\n');
}

const PRELUDE = `
import { execFileSync } from 'node:child_process';
const { NetworkLab } = await import(process.env.LAB);
const sh = (command) => execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim();
const say = (...words) => console.log(...words);
sh('ip link set lo up');
const ends = [];
const openLab = () => NetworkLab.open({ after: (end) => ends.push(end) }, '10.213.64.0/20');
/** One container that serves port 80, published as 28380; another one, on another network, that asks there. */
async function pair(lab) {
  const [near, far] = [await lab.network({ name: 'near' }), await lab.network({ name: 'far' })];
  const [server, client] = [await lab.container(near), await lab.container(far)];
  await lab.serve(server.netns, 80, 'served');
  await lab.networks.publish(server.containerId, near.id, [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 28380 }]);
  const gateway = near.subnets[0].gateway;
  const ask = async () => (await lab.ask(client.netns, gateway, 28380)).split(' ')[0];
  const until = async (answer) => { while ((await ask()) !== answer); };
  return { near, far, ask, until };
}
`;

test('a firewall that drops what is forwarded lets our bridges through, and is as before afterwards', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    sh('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP');
    const before = sh('iptables -S; ip6tables -S');
    const lab = await openLab();
    const { ask } = await pair(lab);
    say(await ask());
    say(sh('iptables -S FORWARD | grep -c ACCEPT'));
    say(lab.networks.warnings().length);
    for (const end of ends) await end();
    say(sh('iptables -S; ip6tables -S') === before);
  `);
  assert.deepEqual(said, ['served', '4', '0', 'true']);
});

test("where Docker is on the same host, its users' chain is used", { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    sh('iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -P FORWARD DROP');
    const lab = await openLab();
    const { ask } = await pair(lab);
    say(await ask());
    say(sh('iptables -S FORWARD'));
    for (const end of ends) await end();
    say(sh('iptables -S DOCKER-USER'));
  `);
  assert.deepEqual(said, ['served', '-P FORWARD DROP', '-A FORWARD -j DOCKER-USER', '-N DOCKER-USER']);
});

test('rules that somebody flushes or adds are answered at once', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const lab = await openLab();
    const { ask, until } = await pair(lab);
    say(await ask());
    sh('nft flush ruleset');
    await until('served');
    say('back');
    sh('iptables -P FORWARD DROP');
    await until('served');
    say('let through');
    for (const end of ends) await end();
    say(sh('iptables -S FORWARD'));
  `);
  assert.deepEqual(said, ['served', 'back', 'let through', '-P FORWARD DROP']);
});

test("a table of somebody's own that drops is told of, with what mends it, and left alone", {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    sh('nft "add table inet mine; add chain inet mine through { type filter hook forward priority 0; policy drop; }"');
    const before = sh('nft list table inet mine');
    const lab = await openLab();
    const { near, far, ask } = await pair(lab);
    say(await ask());
    const [warning] = lab.networks.warnings();
    say(warning.replaceAll(near.bridge, 'NEAR').replaceAll(far.bridge, 'FAR'));
    say(sh('nft list table inet mine') === before);
    for (const bridge of [near.bridge, far.bridge]) sh(\`nft insert rule inet mine through iifname "\${bridge}" accept; nft insert rule inet mine through oifname "\${bridge}" accept\`);
    say(await ask());
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    'timeout',
    `the chain through of the firewall table inet mine drops what is forwarded, containers' packets too: nft insert rule inet mine through iifname "NEAR" accept; nft insert rule inet mine through oifname "NEAR" accept (and so for each of NEAR, FAR)`,
    'true',
    'served',
  ]);
});
