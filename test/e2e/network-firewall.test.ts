import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onOwnHost } from './network-host.ts';

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

test('what this process itself writes is no alteration, also where it has other process IDs than the host', {
  timeout: 60_000,
}, async () => {
  for (const ownPids of [false, true]) {
    const said = await onOwnHost(
      `
      const { Nft, watchFirewall, isOwnFirewallProcess } = await import(process.env.LINUX);
      const told = Promise.withResolvers();
      const changes = [];
      const take = ({ pid, tables }) => {
        changes.push([isOwnFirewallProcess(pid), ...tables].join(' '));
        if (changes.length === 2) told.resolve();
      };
      const alive = setInterval(() => undefined, 1000);
      using watch = watchFirewall(take, told.reject);
      using nft = new Nft();
      nft.run('add table ip ours');
      sh('nft add table ip theirs');
      await told.promise;
      clearInterval(alive);
      say(changes.join(', '));
    `,
      { ownPids },
    );
    assert.deepEqual(said, ['true ours, false theirs'], ownPids ? 'with other IDs' : 'with the same IDs');
  }
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

test('beside firewalld published ports answer; for the way out its own command is told', {
  timeout: 60_000,
}, async () => {
  const said = await onOwnHost(`
    const { writeFileSync, rmSync } = await import('node:fs');
    const lab = await openLab();
    const outside = await neighbour(lab);
    await lab.serve(outside, 8080, 'seen');
    const { near, far, ask } = await pair(lab);
    const one = await lab.container(near);
    // As firewalld 1.3 has it, with nobody in any zone.
    const rules = lab.execRoot + '/firewalld.nft';
    writeFileSync(rules, \`table inet firewalld {
      chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_FORWARD_ZONES
        reject with icmpx admin-prohibited
      }
      chain filter_FORWARD_ZONES { }
    }\`);
    const told = async () => { while (lab.networks.warnings().length === 0) await new Promise((resolve) => setImmediate(resolve)); return lab.networks.warnings()[0]; };
    sh('nft -f ' + rules);
    rmSync(rules);
    say((await told()).replaceAll(near.bridge, 'NEAR').replaceAll(far.bridge, 'FAR'));
    say(await ask(), await lab.ask(one.netns, '203.0.113.2', 8080));
    // What the command does.
    for (const bridge of [near.bridge, far.bridge]) sh('nft add rule inet firewalld filter_FORWARD_ZONES iifname ' + bridge + ' accept');
    say(await ask(), await lab.ask(one.netns, '203.0.113.2', 8080));
    for (const end of ends) await end();
  `);
  assert.deepEqual(said, [
    'firewalld rejects forwarded packets of bridges that are in no zone: firewall-cmd --zone=trusted --add-interface=NEAR --add-interface=FAR',
    'served EHOSTUNREACH',
    'served seen 203.0.113.1',
  ]);
});

test('without the library the program does the same', { timeout: 60_000 }, async () => {
  const said = await onOwnHost(`
    const { Nft } = await import(process.env.LINUX);
    for (const library of [true, false]) {
      using nft = new Nft({ library });
      nft.run('add table ip t\\nadd chain ip t c\\nadd rule ip t c accept');
      say(JSON.parse(nft.run('list table ip t', { json: true })).nftables.length, nft.run('list table ip t').includes('accept'));
      try { nft.run('add rule ip t none accept\\nadd table ip never'); } catch (error) { say(error.message); }
      say(nft.run('list tables').trim());
      nft.run('delete table ip t');
    }
  `);
  assert.deepEqual(said.slice(3), said.slice(0, 3));
  assert.equal(said[0], '4 true');
  assert.match(said[1] ?? '', /^nft: .*No such file or directory/);
  assert.equal(said[2], 'table ip t', 'all of it, or nothing');
});
