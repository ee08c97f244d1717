import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { startContainer } from './support/containers.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { api } from './support/http.ts';
import { run } from './support/run.ts';

const CGROUPS = '/sys/fs/cgroup';

/** Removes the groups of this path in every hierarchy; how many there were. */
function removeGroups(path: string): number {
  const places = [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))];
  const there = places.map((place) => join(place, path)).filter((group) => existsSync(group));
  for (const group of there) rmdirSync(group);
  return there.length;
}

test('--cgroup-parent of the daemon holds for containers that name none, and for builds', {
  timeout: 60_000,
}, async () => {
  const parent = `wharf-parent-${process.pid}`;
  const own = `${parent}-own`;
  await withDaemon(
    async (daemon) => {
      await importBusybox(daemon.socket);
      const groupOf = async (host: object) => {
        const id = await startContainer(daemon, ['sleep', '1000'], host);
        const { State } = (await api(daemon.socket, 'GET', `/containers/${id}/json`)) as { State: { Pid: number } };
        const text = readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8');
        await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
        return text.replaceAll(id, 'ID');
      };
      assert.match(await groupOf({}), new RegExp(`:/${parent}/ID$`, 'm'));
      assert.match(await groupOf({ CgroupParent: own }), new RegExp(`:/${own}/ID$`, 'm'));
      assert.deepEqual(
        [parent, own].map((path) => removeGroups(path) > 0),
        [true, true],
      );
      const dockerfile = 'FROM busybox\nRUN true\n';
      const built = await run(wharfPath, ['build', '-q', '-'], { env: { WHARF_HOST: daemon.host }, input: dockerfile });
      assert.equal(built.code, 0, built.stderr);
      assert.ok(removeGroups(parent) > 0, 'a step of a build was below it');
    },
    { args: ['--cgroup-parent', `/${parent}`] },
  );
});
