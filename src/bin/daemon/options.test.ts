import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readable } from './logging.ts';
import { readSettings } from './options.ts';

function configFile(t: TestContext, content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'wharf-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'daemon.json');
  writeFileSync(path, content);
  return path;
}

test('flags, several of a kind, and defaults', (t) => {
  const file = configFile(t, '');
  const line = '-H unix:///a.sock --host tcp://127.0.0.1:1 --data-root /d/../e --add-runtime mine=/usr/bin/mine -D';
  const pool = '--default-address-pool base=10.0.0.0/8,size=24';
  const settings = readSettings(['--config-file', file, ...`${line} ${pool}`.split(' ')]);
  assert.deepEqual(settings.hosts, ['unix:///a.sock', 'tcp://127.0.0.1:1']);
  assert.equal(settings.dataRoot, '/e');
  assert.equal(settings.execRoot, '/run/wharf');
  assert.deepEqual(settings.addressPools, [{ base: '10.0.0.0/8', size: 24 }]);
  assert.deepEqual(settings.runtimes, { mine: '/usr/bin/mine' });
  assert.equal(settings.logLevel, 'debug');
  assert.equal(settings.liveRestore, false);
});

test("the configuration file takes Docker's keys", (t) => {
  const content = {
    hosts: ['unix:///a.sock'],
    'default-address-pools': [{ base: '10.0.0.0/8', size: 24 }],
    runtimes: { mine: { path: '/usr/bin/mine' } },
    'insecure-registries': ['r:5000'],
    'live-restore': true,
    debug: true,
  };
  const settings = readSettings(['--config-file', configFile(t, JSON.stringify(content))]);
  assert.deepEqual(settings.hosts, ['unix:///a.sock']);
  assert.deepEqual(settings.addressPools, [{ base: '10.0.0.0/8', size: 24 }]);
  assert.deepEqual(settings.runtimes, { mine: '/usr/bin/mine' });
  assert.deepEqual(settings.insecureRegistries, ['r:5000']);
  assert.equal(settings.liveRestore, true);
  assert.equal(settings.logLevel, 'debug');
});

const refused: [what: string, args: string[], file: string, message: RegExp][] = [
  [
    'an unknown key',
    [],
    '{"data-rot":"/x"}',
    /don't match any configuration option: data-rot; did you mean "data-root"\?$/,
  ],
  ['a wrong type', [], '{"hosts":"unix:///x"}', /"hosts" must be a list of texts, not "unix:\/\/\/x"$/],
  ['no JSON', [], '{', /unable to configure the Wharf daemon with file .*: it is not JSON/],
  [
    'a setting made twice',
    ['--data-root', '/a'],
    '{"data-root":"/b"}',
    /specified both as a flag and in the configuration file: data-root: \(from flag: \/a, from file: \/b\)$/,
  ],
  ['an unknown level', ['--log-level', 'loud'], '', /^invalid log-level "loud"/],
  ['a pool without size', ['--default-address-pool', 'base=10.0.0.0/8'], '', /^invalid default-address-pool/],
  [
    'a pool smaller than its networks',
    ['--default-address-pool', 'base=10.0.0.0/16,size=8'],
    '',
    /^invalid default-address-pool/,
  ],
  ['a ulimit without number', ['--default-ulimit', 'nofile'], '', /^invalid default-ulimit/],
  ['a driver that is not there', ['--log-driver', 'fluentd'], '', /^invalid log-driver "fluentd"/],
  ['neither true nor false', ['--init=maybe'], '', /^invalid argument "maybe" for "--init"/],
  ['no block', ['--bip', '10.0.0.1'], '', /^invalid bip "10.0.0.1": a CIDR such as 172.17.0.1\/16 is expected/],
  ['no address', ['--ip', 'localhost'], '', /^invalid ip "localhost": an IPv4 address is expected/],
  ['no option', ['--default-network-opt', 'mtu=9'], '', /^invalid default-network-opt .*driver=name=value is expected/],
  ['no profile', ['--seccomp-profile', '/nonexistent'], '', /^invalid seccomp-profile \/nonexistent: ENOENT/],
  ["a slip in dockerd's key", [], '{"iptable": false}', /iptable; did you mean "iptables"\?$/],
  ['a runtime without path', ['--add-runtime', 'x'], '', /^invalid runtime/],
];
for (const [what, args, content, message] of refused)
  test(`refused: ${what}`, (t) => {
    assert.throws(() => readSettings([...args, '--config-file', configFile(t, content)]), { message });
  });

test('a file that was named must exist', () => {
  assert.throws(() => readSettings(['--config-file', '/nonexistent/x.json']), { code: 'BAD_CONFIG_FILE' });
});

test('log lines for people', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: 'T',
    part: 'api',
    event: 'it failed',
    url: '/a b',
    n: 1,
    stack: 's\n at x',
  });
  assert.equal(readable(line).replace(/\x1b\[\d+m/g, ''), 'T warn  api: it failed url="/a b" n=1\ns\n at x\n');
});

test('what containers get by default, from flags and in the forms of the file', (t) => {
  const line = '--default-ulimit nofile=10:20 --log-opt max-size=1m --init --tls=false --shutdown-timeout -1';
  const flags = readSettings(['--config-file', configFile(t, ''), ...line.split(' ')]);
  assert.deepEqual(flags.ulimits, [{ Name: 'nofile', Soft: 10, Hard: 20 }]);
  assert.deepEqual(flags.logOptions, { 'max-size': '1m' });
  assert.deepEqual([flags.init, flags.tls, flags.shutdownTimeoutSeconds], [true, false, -1]);
  const content = {
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 10, Hard: 20 } },
    'log-opts': { 'max-size': '1m' },
    'default-shm-size': '1G',
    'shutdown-timeout': 30,
    init: true,
    iptables: false,
    'selinux-enabled': true,
  };
  const file = readSettings(['--config-file', configFile(t, JSON.stringify(content))]);
  assert.deepEqual([file.ulimits, file.logOptions, file.init], [flags.ulimits, flags.logOptions, true]);
  assert.deepEqual([file.shmSizeBytes, file.shutdownTimeoutSeconds], [2 ** 30, 30]);
  assert.equal(file.ignored.length, 1);
  assert.match(file.ignored[0] ?? '', /^selinux-enabled: containers get no SELinux labels/);
  assert.deepEqual([file.iptables, file.ip6tables], [false, true]);
});

test("networks, proxies and what is dockerd's alone, from flags and in the forms of the file", (t) => {
  const line =
    '--icc=false --bip 10.9.0.1/24 --mtu 1400 --default-network-opt bridge=com.docker.network.driver.mtu=1300 ' +
    '--http-proxy http://p:1 --storage-driver overlay2 --userland-proxy=false --selinux-enabled --iptables=false';
  const flags = readSettings(['--config-file', configFile(t, ''), ...line.split(' ')]);
  assert.deepEqual([flags.icc, flags.ipMasq, flags.bip, flags.mtu], [false, true, '10.9.0.1/24', 1400]);
  assert.deepEqual(flags.defaultNetworkOptions, { bridge: { 'com.docker.network.driver.mtu': '1300' } });
  assert.deepEqual(
    flags.ignored.map((text) => text.split(':')[0]),
    ['selinux-enabled'],
  );
  assert.equal(flags.iptables, false);
  const content = {
    icc: false,
    bip: '10.9.0.1/24',
    mtu: 1400,
    'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1300' } },
    proxies: { 'http-proxy': 'http://p:1' },
    'storage-driver': 'overlay2',
    features: { buildkit: true },
    'exec-opts': ['native.cgroupdriver=systemd'],
    'max-concurrent-downloads': 10,
    'max-concurrent-uploads': 0,
    'cgroup-parent': 'customers/7',
    'metrics-addr': '127.0.0.1:9323',
  };
  const file = readSettings(['--config-file', configFile(t, JSON.stringify(content))]);
  assert.deepEqual([file.icc, file.bip, file.mtu, file.httpProxy], [false, '10.9.0.1/24', 1400, 'http://p:1']);
  assert.deepEqual(file.defaultNetworkOptions, flags.defaultNetworkOptions);
  assert.deepEqual(
    file.ignored.map((text) => text.split(':')[0]),
    ['exec-opts', 'metrics-addr'],
  );
  assert.deepEqual([file.maxConcurrentDownloads, file.maxConcurrentUploads, file.cgroupParent], [10, 3, 'customers/7']);
});
