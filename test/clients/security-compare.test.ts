import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';
import { isMapped, stockUsernsFlags } from '../e2e/support/userns.ts';

/**
 * What a container may do, told from inside: capabilities, seccomp, masked and read-only paths, devices, limits, and the answers
 * to attempts at what a container should not do. One line a fact. Nothing in it reaches beyond the container where it succeeds.
 * Runtimes differ in what they put over a masked path, where only that nothing can be read there counts, and in whom /dev/null
 * belongs to while it is standard input.
 */
const PROBE = `
grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)' /proc/self/status
while read -r _ _ _ root at options _; do
  case $at in
    /etc/*) ;;
    /proc/sys|/proc/bus|/proc/fs|/proc/irq|/proc/sysrq-trigger) echo "mount $at $(echo "$options" | cut -c1-2)" ;;
    /proc/*|/sys/firmware) ;;
    *) echo "mount $at $(echo "$options" | tr , '\\n' | grep -E '^(ro|rw|nosuid|nodev|noexec)$' | sort | tr '\\n' ' ')" ;;
  esac
done < /proc/self/mountinfo | sort
ls -ln /dev | grep -v -e /proc/kcore -e ' null$' | awk 'NR > 1 { print "dev", $1, $3, $4, ($1 ~ /^[bc]/ ? $5 $6 : ""), $NF }' | sort
for path in /proc/kcore /proc/keys /proc/timer_list /proc/acpi /proc/scsi /sys/firmware /proc/asound; do
  [ -e $path ] && echo "masked $path $(ls -A $path/ 2>/dev/null | wc -l) entries, $(head -c 1 $path 2>/dev/null | wc -c) bytes"
done
ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Su
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range /proc/self/oom_score_adj
readlink /proc/self/ns/cgroup | cut -c1-7
try() { name=$1; shift; if "$@" > /dev/null 2>&1; then echo "can $name"; else echo "cannot $name"; fi; }
try 'mount a tmpfs' mount -t tmpfs none /mnt
try 'unshare mounts' unshare -m true
try 'unshare users' unshare -U true
try 'unshare network' unshare -n true
try 'chroot' chroot / true
try 'make a device node' mknod /tmp/node c 1 3
try 'read a device node made here' head -c 1 /tmp/node
try 'make a disk node' mknod /tmp/disk b 8 0
try 'read the disk' head -c 1 /tmp/disk
try 'make a kmsg node' mknod /tmp/kmsg c 1 11
try 'write kernel settings' sh -c 'echo 1 > /proc/sys/kernel/domainname'
try 'trigger sysrq' test -w /proc/sysrq-trigger
try 'set the host name' hostname other
try 'change owners' chown 1:1 /tmp
try 'kill' kill -0 1
try 'renice' renice -n -5 $$
try 'write a cgroup' sh -c 'mkdir /sys/fs/cgroup/memory/x'
try 'add a link' ip link add d0 type dummy
try 'send a ping' ping -c 1 -W 1 127.0.0.1
try 'listen on a low port' timeout 1 nc -l -p 80 -w 1
try 'write the root' touch /written
true
`;

/** Flags of `docker run` whose effect is compared. */
const POSTURES: readonly (readonly string[])[] = [
  [],
  ['--privileged'],
  ['--user', '1000:1001'],
  ['--cap-drop', 'ALL'],
  ['--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_TIME', '--cap-drop', 'CHOWN'],
  ['--cap-add', 'SYS_ADMIN'],
  ['--cap-add', 'ALL'],
  ['--security-opt', 'no-new-privileges'],
  ['--security-opt', 'seccomp=unconfined'],
  ['--security-opt', 'systempaths=unconfined'],
  ['--read-only', '--tmpfs', '/tmp'],
  ['--device', '/dev/kmsg:/dev/kmsg:r'],
  ['--ulimit', 'nofile=64:128', '--sysctl', 'net.ipv4.ip_unprivileged_port_start=1000'],
  ['--user', 'nobody', '--cap-add', 'NET_BIND_SERVICE', '--group-add', '42'],
  ['--network', 'none', '--ipc', 'private', '--oom-score-adj', '500'],
];

/**
 * With mapped users some is refused, in the same words, and these lines are others: devices are bound, by crun with flags that
 * forbid more; the message queues belong to the container's root; its groups may ping; whose keys are seen is the runtime's.
 */
const OTHER_WHEN_MAPPED =
  /^mount \/dev\/(full|null|random|tty|urandom|zero) |^dev .* mqueue$|^\d+\t\d+$|^masked \/proc\/keys /;

test('what a container may do is what it may do with Docker', { timeout: 300_000 }, async (t) => {
  await withStockEngine(
    '26.1',
    async (stock) => {
      await withDaemon(async (daemon) => {
        for (const socket of [stock.socket, daemon.socket]) await importBusybox(socket);
        for (const flags of POSTURES) {
          await t.test(`run ${flags.join(' ')}`, async () => {
            const probe = async (host: string) => {
              const args = ['run', '--rm', ...flags, 'busybox', 'sh', '-c', PROBE];
              const done = await run('docker', args, { env: { ...process.env, DOCKER_HOST: host } });
              if (isMapped && done.code !== 0) return done.stderr.split('\n');
              assert.equal(done.code, 0, `${host}: ${done.stderr}`);
              return done.stdout.split('\n').filter((line) => !isMapped || !OTHER_WHEN_MAPPED.test(line));
            };
            const [expected, actual] = await Promise.all([probe(stock.host), probe(daemon.host)]);
            assert.deepEqual(actual, expected);
          });
        }
      });
    },
    stockUsernsFlags,
  );
});
