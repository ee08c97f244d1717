import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { busyboxTar, importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { withStockEngine } from '../e2e/support/stock-engine.ts';

type Step = readonly [method: string, path: string, body?: unknown];

const base = { Image: 'busybox', Cmd: ['sleep', '1000'] };
const create = (more: object): Step => ['POST', '/containers/create', { ...base, ...more }];
const host = (HostConfig: object): Step => create({ HostConfig });
const filters = (value: object): string => `filters=${encodeURIComponent(JSON.stringify(value))}`;

/** What both refuse, in the same words. */
const STEPS: readonly Step[] = [
  ...[
    { AutoRemove: true, RestartPolicy: { Name: 'always' } },
    { RestartPolicy: { Name: 'bogus' } },
    { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } },
    { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } },
    { Binds: ['/a:/x'], Tmpfs: { '/x': '' } },
    { Mounts: [{ Type: 'bind', Source: '/p/nope', Target: '/x' }] },
    { Mounts: [{ Type: 'bind', Source: '/tmp', Target: 'x' }] },
    { Mounts: [{ Type: 'bind', Target: '/x' }] },
    { Mounts: [{ Type: 'volume', Target: '/' }] },
    { Mounts: [{ Type: 'nope', Target: '/x' }] },
    { Mounts: [{ Type: 'tmpfs', Source: 'x', Target: '/x' }] },
    { Mounts: [{ Type: 'tmpfs' }] },
    { Mounts: [{ Type: 'volume', Target: '/x', BindOptions: { Propagation: 'rshared' } }] },
    { Binds: ['a:b:c:d'] },
    { Binds: ['/a:/b:zz'] },
    { Binds: ['rel/path:/b'] },
    { Binds: ['/a:/'] },
    { Binds: ['a:/b:rshared'] },
    { Tmpfs: { rel: '' } },
    { CapAdd: ['FOO'] },
    { CapDrop: ['CAP_FOO'] },
    { NanoCpus: 1_000_000_000, CpuPeriod: 1000 },
    { Memory: 1000 },
    { MemorySwap: 10_000_000_000 },
    { Memory: 100_000_000, MemorySwap: 50_000_000 },
    { Memory: 10_000_000, MemoryReservation: 50_000_000 },
    { MemoryReservation: 5 },
    { MemorySwappiness: 200 },
    { CpuPeriod: 10 },
    { CpuQuota: 10 },
    { CpusetCpus: '999' },
    { CpusetCpus: 'x' },
    { LogConfig: { Type: 'json-file', Config: { foo: 'x' } } },
    { LogConfig: { Type: 'syslog', Config: { 'syslog-facility': 'x' } } },
    { LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'ftp://x' } } },
    { LogConfig: { Type: 'syslog', Config: { 'syslog-address': 'unix:///no' } } },
    { LogConfig: { Type: 'json-file', Config: { mode: 'x' } } },
    { LogConfig: { Type: 'json-file', Config: { 'max-buffer-size': '1m' } } },
    { PortBindings: { abc: [{}] } },
    { Runtime: 'foo' },
    { NetworkMode: 'host', Links: ['x'] },
    { NetworkMode: 'container:' },
    { VolumesFrom: ['nonono'] },
    { VolumesFrom: ['nonono:zz'] },
    { VolumesFrom: [''] },
    { Links: ['nonono:x'] },
    { PidMode: 'x' },
    { PidMode: 'container:' },
    { PidMode: 'container:nonono' },
    { IpcMode: 'x' },
    { UTSMode: 'x' },
    { CgroupnsMode: 'x' },
    { OomScoreAdj: 2000 },
    { ShmSize: -1 },
    { Annotations: { '': 'x' } },
    { ExtraHosts: ['x'] },
    { ExtraHosts: ['a:b'] },
  ].map(host),
  create({ HostConfig: { UTSMode: 'host' }, Hostname: 'x' }),
  create({ StopSignal: 'FOO' }),
  create({ Env: ['=x'] }),
  create({ Env: [''] }),
  create({ WorkingDir: 'rel' }),
  create({ Healthcheck: { Test: ['CMD', 'x'], Interval: 1000 } }),
  create({ MacAddress: 'zz' }),
  create({ Image: 'nope:x' }),
  create({ NetworkingConfig: { EndpointsConfig: { bridge: { Aliases: ['x'] } } } }),
  create({ NetworkingConfig: { EndpointsConfig: { bridge: { IPAMConfig: { IPv4Address: '172.17.0.9' } } } } }),
  ['POST', '/containers/create', ''],
  ['POST', '/containers/create', 'null'],
  ['POST', '/containers/create', '{} x'],
  ['POST', '/containers/create', '{invalid'],
  ['POST', '/containers/create', '{"Env":x}'],
  ['POST', '/containers/create?name=a', base],
  ['POST', '/containers/create?name=-x', base],
  ['POST', '/containers/create?name=run1', base],
  ['POST', '/containers/run1/start'],
  ['POST', '/containers/cr1/stop'],
  ['POST', '/containers/cr1/kill'],
  ['POST', '/containers/cr1/pause'],
  ['POST', '/containers/run1/unpause'],
  ['POST', '/containers/run1/kill?signal=FOO'],
  ['POST', '/containers/run1/stop?t=abc'],
  ['POST', '/containers/run1/stop?t=1&signal=FOO'],
  ['POST', '/containers/run1/wait?condition=x'],
  ['POST', '/containers/nope/wait'],
  ['POST', '/containers/run1/rename?name='],
  ['POST', '/containers/run1/rename?name=run1'],
  ['POST', '/containers/run1/rename?name=cr1'],
  ['POST', '/containers/run1/rename?name=%20'],
  ['POST', '/commit?container=nope'],
  ['POST', '/commit?container=run1&changes=FOO%20x'],
  ['POST', '/containers/run1/update', { Memory: 1000 }],
  ['POST', '/containers/run1/update', { RestartPolicy: { Name: 'foo' } }],
  ['POST', '/containers/run1/exec', {}],
  ['POST', '/containers/run1/exec', '{invalid'],
  ['POST', '/containers/cr1/exec', { Cmd: ['x'] }],
  ['POST', '/exec/nope/start', {}],
  ['GET', '/containers/run1/logs'],
  ['GET', '/containers/run1/top?ps_args=-o%20comm'],
  ['GET', '/containers/run1/top?ps_args=zz'],
  ['GET', '/containers/cr1/top'],
  ['GET', '/containers/cr1/archive?path=/nope'],
  ['GET', '/containers/nope/json'],
  ['GET', `/containers/json?${filters({ x: ['y'] })}`],
  ['GET', `/containers/json?${filters({ health: ['foo'] })}`],
  ['GET', `/containers/json?${filters({ exited: ['x'] })}`],
  ['GET', `/containers/json?${filters({ 'is-task': ['x'] })}`],
  ['GET', `/containers/json?${filters({ since: ['nope'] })}`],
  ['GET', `/volumes?${filters({ dangling: ['x'] })}`],
  ['GET', '/containers/json?limit=x'],
  ['GET', '/images/nope/json'],
  ['POST', `/build/prune?${filters({ colour: ['x'] })}`],
  ['GET', '/networks/nope'],
  ['GET', '/networks/bridge?scope=global'],
  ['GET', `/events?until=1&${filters({ colour: ['x'] })}`],
  ['GET', '/volumes/nope'],
  ['GET', '/nope'],
  ['POST', '/networks/create', { Name: 'bridge' }],
  ['POST', '/networks/create', { Name: 'n2', IPAM: { Config: [{ Subnet: '10.0.0.1/24' }] } }],
  ['POST', '/networks/bridge/connect', { Container: 'run1' }],
  ['DELETE', '/networks/bridge'],
  ['POST', '/volumes/create', { Name: 'a' }],
  ['POST', '/volumes/create', { Name: 'v2', DriverOpts: { foo: 'x' } }],
  ['POST', '/volumes/create', { Name: '../x' }],
  ['DELETE', '/containers/run1?link=1'],
  ['DELETE', '/containers/run1'],
  ['DELETE', '/images/nope'],
  ['GET', '/nodes'],
];

function call(socketPath: string, [method, path, body]: Step): Promise<string> {
  const payload = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
  return new Promise((resolve, reject) => {
    const headers = payload === undefined ? {} : { 'content-type': type };
    const req = request({ socketPath, method, path: `/v1.45${path}`, headers, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('end', () => resolve(`${res.statusCode} ${text.trim().replace(/[0-9a-f]{64}/g, 'ID')}`));
    });
    req.on('error', reject);
    req.end(payload);
  });
}

/** Two containers, one of them running, and then what both say to each step. */
async function answers(socket: string): Promise<string[]> {
  for (const name of ['run1', 'cr1']) await call(socket, ['POST', `/containers/create?name=${name}`, base]);
  await call(socket, ['POST', '/containers/run1/start']);
  const said: string[] = [];
  for (const step of STEPS) said.push(await call(socket, step));
  return said;
}

test('requests are refused with the status and in the words of a stock engine', { timeout: 240_000 }, async () => {
  let stock: string[] = [];
  await withStockEngine('26.1', async (engine) => {
    await call(engine.socket, ['POST', '/images/create?fromSrc=-&repo=busybox&tag=latest', await busyboxTar()]);
    stock = await answers(engine.socket);
  });
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const own = await answers(daemon.socket);
    STEPS.forEach((step, i) => assert.equal(own[i], stock[i], JSON.stringify(step)));
  });
});
