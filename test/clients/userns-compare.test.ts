import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostConfig } from '../../src/core/wire/container.ts';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { api } from '../e2e/support/http.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';

/** What is looked at in a container that has it all but a network, which the stock engine has not here. */
const LOOK = `cat /proc/self/uid_map; id; stat -c "%n %u:%g %a" / /etc/hosts /etc/hostname /etc/resolv.conf /dev /dev/shm /data /tmpfs
touch /data/f && stat -c %u /data/f; grep Cap /proc/self/status; hostname
grep -c " /sys/fs/cgroup" /proc/self/mountinfo > /dev/null && echo cgroups
(mknod /tmp/x b 1 0 || mount -t tmpfs x /mnt || echo x > /proc/sys/kernel/core_pattern) 2> /dev/null || echo refused`;

const CASES: Readonly<Record<string, HostConfig>> = {
  'its own user namespace': { Binds: ['data:/data'], Tmpfs: { '/tmpfs': '' } },
  'that of the host': { UsernsMode: 'host' },
  'a privileged one': { Privileged: true },
  'the network of the host': { NetworkMode: 'host' },
  'the processes of the host': { PidMode: 'host' },
  'all of the host': { Privileged: true, NetworkMode: 'host', PidMode: 'host', UsernsMode: 'host' },
};

type Answers = Record<string, string>;

async function ask(socket: string): Promise<Answers> {
  await importBusybox(socket);
  const answers: Answers = {};
  for (const [name, host] of Object.entries(CASES)) {
    const script = host.Binds === undefined ? 'cat /proc/self/uid_map' : LOOK;
    const config = { Image: 'busybox', Cmd: ['sh', '-c', script], Tty: true, Hostname: 'named' };
    const hostConfig = { NetworkMode: 'none', ...host };
    try {
      const body = {
        ...config,
        ...(hostConfig.NetworkMode === 'host' ? { Hostname: '' } : {}),
        HostConfig: hostConfig,
      };
      const { Id } = (await api(socket, 'POST', '/containers/create', body)) as { Id: string };
      await api(socket, 'POST', `/containers/${Id}/start`);
      await api(socket, 'POST', `/containers/${Id}/wait`);
      answers[name] = String(await api(socket, 'GET', `/containers/${Id}/logs?stdout=1&stderr=1`));
      await api(socket, 'DELETE', `/containers/${Id}?v=1`);
    } catch (error) {
      answers[name] = String(error).replace(/[0-9a-f]{64}/g, 'ID');
    }
  }
  const { SecurityOptions } = (await api(socket, 'GET', '/info')) as { SecurityOptions: string[] };
  answers['security'] = String(SecurityOptions.includes('name=userns'));
  return answers;
}

test('mapped users: what a container sees and what is refused are those of docker.io 26.1', {
  timeout: 240_000,
}, async () => {
  let stock: Answers = {};
  let own: Answers = {};
  await withDaemon(async ({ socket }) => void (own = await ask(socket)), { args: ['--userns-remap=default'] });
  await withStockEngine('26.1', async ({ socket }) => void (stock = await ask(socket)), {
    'userns-remap': 'default',
    iptables: 'false',
    bridge: 'none',
  });
  assert.deepEqual(own, stock);
});
