import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskFindings } from './engine.ts';
import {
  cgroupFindings,
  cgroupsOf,
  clockFindings,
  kernelFindings,
  natProbe,
  networkFindings,
  runtimeFindings,
} from './host.ts';
import type { Finding, Machine } from './machine.ts';

interface Facts {
  readonly files?: Readonly<Record<string, string>>;
  /** Command line to output; what is not here is not installed. A leading `!` is a failure. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly space?: { total: number; free: number; inodesFree: number };
}

function machine({ files = {}, programs = {}, space }: Facts): Machine {
  return {
    read: (path) => files[path],
    exists: (path) => path in files || path.startsWith('/proc/self/ns/'),
    run: (program, ...args) => {
      const out = programs[[program, ...args].join(' ')];
      if (out === undefined) return program in programs ? { code: 1, out: '' } : undefined;
      return out.startsWith('!') ? { code: 1, out: out.slice(1) } : { code: 0, out };
    },
    space: () => space,
    now: () => new Date('2026-01-01T00:00:00Z'),
  };
}

const bad = (findings: readonly Finding[]) =>
  findings.filter((f) => f.state !== 'ok').map((f) => `${f.state}: ${f.text}`);

const HYBRID = {
  '/proc/self/mounts': [
    'cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0',
    'cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0',
    'cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0',
    'cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
  ].join('\n'),
  '/sys/fs/cgroup/unified/cgroup.controllers': 'hugetlb\n',
};
const V2 = {
  '/proc/self/mounts': 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
};
const RUNTIMES = { 'crun --version': 'crun version 1.8.1\n', 'runc --version': 'runc version 1.1.5\n' };

test('cgroups: the layout and what is missing', () => {
  assert.equal(cgroupsOf(machine({ files: HYBRID })).layout, 'hybrid');
  assert.equal(cgroupsOf(machine({ files: V2 })).layout, 'v2');
  assert.equal(cgroupsOf(machine({})).layout, 'none');
  const noMemory = machine({
    files: { ...V2, '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu pids', '/proc/cgroups': 'memory\t0\t80\t0\n' },
  });
  const [, finding] = cgroupFindings(cgroupsOf(noMemory), noMemory);
  assert.match(finding?.remedy ?? '', /cgroup_enable=memory/);
});

test('crun on a hybrid host: the mount that makes it work', () => {
  const host = machine({ files: HYBRID, programs: RUNTIMES });
  for (const working of [['runc'], undefined]) {
    const note = runtimeFindings(cgroupsOf(host), working, host).find((f) => f.state === 'note');
    assert.match(note?.text ?? '', /^crun 1.8.1 cannot run here/);
    assert.match(note?.remedy ?? '', /^mkdir \/sys\/fs\/cgroup\/hugetlb && mount -t cgroup -o hugetlb/);
  }
  assert.deepEqual(bad(runtimeFindings(cgroupsOf(host), ['crun', 'runc'], host)), []);
});

test('no runtime at all is a failure', () => {
  const host = machine({ files: V2 });
  assert.deepEqual(bad(runtimeFindings(cgroupsOf(host), undefined, host)), [
    'fail: neither crun nor runc is installed',
  ]);
});

test('kernel: too old, without overlayfs', () => {
  const files = {
    '/proc/sys/kernel/osrelease': '4.19.0-1\n',
    '/proc/filesystems': 'nodev\tproc\n',
    '/proc/self/status': 'Seccomp:\t0\n',
  };
  assert.deepEqual(bad(kernelFindings(machine({ files }))), ['fail: Linux 4.19.0-1 is too old', 'fail: no overlayfs']);
  assert.deepEqual(
    bad(
      kernelFindings(
        machine({
          files: { ...files, '/proc/sys/kernel/osrelease': '5.15.1' },
          programs: { 'modprobe -n overlay': '' },
        }),
      ),
    ),
    [],
  );
});

test('network: nft, forwarding, a firewall that drops, name servers', () => {
  const files = { '/proc/sys/net/ipv4/ip_forward': '0\n', '/proc/sys/net/ipv6': '', '/etc/resolv.conf': '# none\n' };
  const programs = {
    'nft --version': 'nftables v1.0.6\n',
    'nft list tables': '',
    ...Object.fromEntries(['ip', 'ip6'].map((family) => [`nft --check ${natProbe(family)}`, ''])),
    'nft list chain ip filter FORWARD': 'type filter hook forward priority filter; policy drop;',
  };
  assert.deepEqual(bad(networkFindings(machine({ files, programs }))), [
    'fail: IPv4 forwarding is off: containers reach nothing outside',
    'note: another firewall (table ip filter) drops forwarded traffic unless told otherwise',
    '/etc/resolv.conf names no server: containers resolve no names of the world'.replace(/^/, 'note: '),
  ]);
  assert.match(bad(networkFindings(machine({ files })))[0] ?? '', /nft is not installed/);
});

test('network: a kernel whose nftables lacks a family', () => {
  const files = { '/proc/sys/net/ipv6': '', '/etc/resolv.conf': 'nameserver 192.0.2.1' };
  const outcomes = (ip: string, ip6: string) => ({
    'nft --version': 'nftables v1.0.6\n',
    'nft list tables': '',
    [`nft --check ${natProbe('ip')}`]: ip,
    [`nft --check ${natProbe('ip6')}`]: ip6,
  });
  const lacking = '!Error: Could not process rule: Operation not supported';
  const found = (ip: string, ip6: string) => bad(networkFindings(machine({ files, programs: outcomes(ip, ip6) })));
  assert.deepEqual(found('', ''), []);
  assert.deepEqual(found('!Error: Could not process rule: Operation not permitted', '!Operation not permitted'), []);
  for (const [ip, ip6, version] of [
    [lacking, '', 'IPv4'],
    ['', lacking, 'IPv6'],
  ] as const) {
    assert.deepEqual(found(ip, ip6), [
      `fail: nft 1.0.6 finds no address translation for ${version} in this kernel: no published ports, no way out of containers`,
    ]);
  }
});

test('disk and clock', () => {
  const disk = (free: number, inodesFree: number) =>
    bad(diskFindings('/x', machine({ space: { total: 1e11, free, inodesFree } })));
  assert.deepEqual(disk(5e10, 1e6), []);
  assert.deepEqual(disk(1e8, 1e6), ['fail: only 100MB of 100GB free in /x']);
  assert.deepEqual(disk(5e10, 10), ['fail: only 10 files more fit in /x']);
  assert.deepEqual(bad(clockFindings(machine({}), new Date('2026-01-01T00:01:00Z'))), [
    "fail: the engine's clock and ours are 60 s apart",
  ]);
  const drifting = machine({ programs: { 'timedatectl show -p NTPSynchronized --value': 'no\n' } });
  assert.deepEqual(bad(clockFindings(drifting, undefined)), ['note: 2026-01-01T00:00:00.000Z, not synchronised']);
});
