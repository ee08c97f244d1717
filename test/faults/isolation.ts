import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Says which network namespace the harness was started in, to the one that plays in its own. */
const OUTSIDE = 'WHARF_FAULTS_OUTSIDE';

/** Own loopback, own /sys/class/net (the cgroups stay those of the machine), own resolv.conf. */
const PREPARE = `set -e
ip link set lo up
sys=$(mktemp -d)
mount -t sysfs sysfs $sys
mount --rbind /sys/fs/cgroup $sys/fs/cgroup
mount --move $sys /sys
rmdir $sys
resolv=$(mktemp)
echo 'nameserver 127.0.0.1' > $resolv
mount --bind $resolv "$(readlink -f /etc/resolv.conf)"
rm $resolv
exec "$@"`;

/** This process has a network of its own: what it does to firewalls and resolvers meets nobody else. */
export function isIsolated(): boolean {
  const outside = process.env[OUTSIDE];
  return outside !== undefined && outside !== readlinkSync('/proc/self/ns/net');
}

/**
 * Runs the same command with network and mounts of its own. Ctrl-C reaches the harness alone, not its daemon and clients:
 * they are stopped in order.
 */
export async function runIsolated(): Promise<number> {
  const program = [process.execPath, ...process.execArgv, fileURLToPath(new URL('main.ts', import.meta.url))];
  const words = ['--net', '--mount', '--propagation', 'private', 'sh', '-c', PREPARE, 'sh', ...program];
  const child = spawn('unshare', [...words, ...process.argv.slice(2)], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, [OUTSIDE]: readlinkSync('/proc/self/ns/net') },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
