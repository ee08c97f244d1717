import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

test('networks take their configuration from one that only holds it', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (line: string) => run(wharfPath, line.split(' '), { env: daemon.env });
    const ok = async (line: string) => {
      const outcome = await wharf(line);
      assert.equal(outcome.code, 0, `${line}: ${outcome.stderr}`);
      return outcome.stdout.trim();
    };
    await ok('network create --config-only --subnet 10.55.7.0/24 --label a=b held');
    await ok('network create --config-from held real');
    const format = '{{.ConfigOnly}}|{{.ConfigFrom.Network}}|{{(index(.IPAM.Config)0).Subnet}}|{{.Labels.a}}';
    assert.equal(await ok(`network inspect -f ${format} held`), 'true||10.55.7.0/24|b');
    assert.equal(await ok(`network inspect -f ${format} real`), 'false|held|10.55.7.0/24|b');
    assert.match(await ok('run --rm --network real busybox ip -4 addr show eth0'), /inet 10\.55\.7\.2\/24/);
    const refused = [
      ['run --rm --network held busybox true', /cannot create endpoint on configuration-only network/],
      ['network rm held', /configuration network "held" is in use/],
      ['network create --config-from nope x', /network nope not found/],
      ['network create --config-from held --subnet 10.9.0.0/24 x', /user specified configurations are not supported/],
      ['network create --config-only --config-from held x', /cannot depend on another configuration network/],
      ['network create --config-only --internal x', /can only contain network specific fields/],
    ] as const;
    for (const [line, message] of refused) assert.match((await wharf(line)).stderr, message, line);
    await ok('network prune -f');
    assert.equal(await ok('network ls -q -f type=custom --format {{.Name}}'), 'held');
    await ok('network rm held');
  });
});
