import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { api } from '../test/e2e/support/http.ts';
import { rate } from './report.ts';

const PORT = 28980;
const FLOOR_PORT = 28990;
const PROXY_PORT = 28991;
/**
 * Each way of connecting has a port of its own in the container: to it they all come from the bridge's address, and where one
 * takes up a port that another has just used, the container's kernel takes the new connection for a late packet of the old one.
 */
const QUIET_PORTS = { 81: PORT + 1, 82: PORT + 2 } as const;
const HOST = 'two processes of the host';
const MEBIBYTES = 512;
const ROUNDS = 3;
const ATTEMPTS = 200;
/** Of connections and questions a second, beside what the host does without a container in between. */
const LEAST_OF_HOST = 0.3;
/** Docker's userland proxy on an idle machine of this kind, in bytes a second. */
const TARGET = 1.6e9;
const PROXY = ['/usr/bin/docker-proxy', '/usr/sbin/docker-proxy', '/usr/libexec/docker/docker-proxy'];

/**
 * What published ports carry and how many connections they take, by each way in, beside what two processes of the host do
 * without a container in between (and Docker's proxy, where it is installed); how many names a second are resolved.
 */
export async function benchNetwork(daemon: TestDaemon): Promise<void> {
  await api(daemon.socket, 'POST', '/networks/create', { Name: 'bench' });
  const feed = `nc -l -p 80 -e dd if=/dev/zero bs=1M count=${MEBIBYTES}`;
  const bulk = await startServer(daemon, 'bulk', { 80: PORT }, `while true; do ${feed} 2> /dev/null; done`);
  const quiet = await startServer(daemon, 'quiet', QUIET_PORTS, 'sleep 100000');
  const helpers: ChildProcess[] = [];
  try {
    await benchThroughput(helpers, feed, bulk);
    await benchConnections(helpers, quiet);
    await benchNames(helpers, quiet);
  } finally {
    for (const helper of helpers) helper.kill('SIGKILL');
    for (const { id } of [bulk, quiet]) await api(daemon.socket, 'DELETE', `/containers/${id}?force=1`);
    await api(daemon.socket, 'DELETE', '/networks/bench');
  }
}

interface Server {
  readonly id: string;
  readonly address: string;
  readonly gateway: string;
  readonly netns: string;
}

async function startServer(
  daemon: TestDaemon,
  name: string,
  hostPorts: Readonly<Record<number, number>>,
  script: string,
): Promise<Server> {
  const ports = Object.entries(hostPorts).map(([port, hostPort]) => [`${port}/tcp`, [{ HostPort: String(hostPort) }]]);
  const { Id } = (await api(daemon.socket, 'POST', `/containers/create?name=${name}`, {
    Image: 'busybox',
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'bench', PortBindings: Object.fromEntries(ports) as Record<string, unknown> },
  })) as { Id: string };
  await api(daemon.socket, 'POST', `/containers/${Id}/start`);
  const { NetworkSettings: shown } = (await api(daemon.socket, 'GET', `/containers/${Id}/json`)) as {
    NetworkSettings: { SandboxKey: string; Networks: Record<string, { IPAddress: string; Gateway: string }> };
  };
  const { IPAddress: address = '', Gateway: gateway = '' } = shown.Networks['bench'] ?? {};
  return { id: Id, address, gateway, netns: shown.SandboxKey };
}

async function benchThroughput(helpers: ChildProcess[], feed: string, { address, gateway }: Server): Promise<void> {
  const loop = `while true; do busybox ${feed.replace('80', String(FLOOR_PORT)).replace('dd ', 'busybox dd ')} 2> /dev/null; done`;
  helpers.push(spawn('busybox', ['sh', '-c', loop], { stdio: 'ignore' }));
  const ways: [string, string, number][] = [
    [HOST, '127.0.0.1', FLOOR_PORT],
    ["the container's address", address, 80],
    ['published, loopback', '127.0.0.1', PORT],
    ["published, the host's address", gateway, PORT],
    ['published, [::1]', '::1', PORT],
  ];
  if (startProxy(helpers, address, PROXY_PORT)) ways.push(["Docker's proxy at [::1]", '::1', PROXY_PORT]);
  const [floor = 1, ...rates] = await alternately(
    ways.map(
      ([, host, port]) =>
        () =>
          throughput(host, port),
    ),
  );
  for (const [i, value] of rates.entries()) {
    const [name = ''] = ways[i + 1] ?? [];
    const ofHost = { name: HOST, value: floor / 1e9 };
    if (name.startsWith('published')) rate(name, value / 1e9, 'GB/s', ofHost, TARGET / 1e9);
    else console.log(`${name}: ${(value / 1e9).toFixed(2)} GB/s`);
  }
}

/** Docker's proxy in front of a container, if there is one on this machine (or `DOCKER_PROXY` names it). */
function startProxy(helpers: ChildProcess[], address: string, port: number, containerPort = 80): boolean {
  const proxy = [process.env['DOCKER_PROXY'] ?? '', ...PROXY].find((file) => existsSync(file));
  if (proxy === undefined) return false;
  const from = ['-proto', 'tcp', '-host-ip', '::1', '-host-port', String(port)];
  const to = ['-container-ip', address, '-container-port', String(containerPort)];
  // It tells on descriptor 3 that it is ready.
  helpers.push(spawn(proxy, [...from, ...to], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] }));
  return true;
}

async function benchConnections(helpers: ChildProcess[], { netns, address }: Server): Promise<void> {
  helpers.push(await node(netns, ACCEPT, '80', '81', '82', '83'));
  helpers.push(await node(undefined, ACCEPT, String(FLOOR_PORT + 2)));
  const ways: [string, string, number][] = [
    [HOST, '127.0.0.1', FLOOR_PORT + 2],
    ["the container's address", address, 80],
    ['published, loopback', '127.0.0.1', QUIET_PORTS[81]],
    ['published, [::1]', '::1', QUIET_PORTS[82]],
  ];
  if (startProxy(helpers, address, PROXY_PORT + 1, 83)) ways.push(["Docker's proxy at [::1]", '::1', PROXY_PORT + 1]);
  const [floor = 1, ...rates] = await alternately(
    ways.map(
      ([, host, port]) =>
        () =>
          numberFrom(undefined, CONNECT, host, String(port)),
    ),
  );
  for (const [i, value] of rates.entries()) {
    const what = `new connections, ${ways[i + 1]?.[0]}`;
    if (what.includes('published')) rate(what, value, 'a second', { name: HOST, value: floor }, LEAST_OF_HOST * floor);
    else console.log(`${what}: ${Math.round(value)} a second`);
  }
}

async function benchNames(helpers: ChildProcess[], { netns }: Server): Promise<void> {
  helpers.push(await node(undefined, ECHO, String(FLOOR_PORT + 3)));
  const [floor = 1, names = 0] = await alternately([
    () => numberFrom(undefined, ASK, '127.0.0.1', String(FLOOR_PORT + 3)),
    () => numberFrom(netns, ASK, '127.0.0.11', '53'),
  ]);
  rate(
    'names resolved at 127.0.0.11',
    names,
    'a second',
    { name: `datagrams between ${HOST}`, value: floor },
    LEAST_OF_HOST * floor,
  );
}

/** The median of each, measured in turns. */
async function alternately(ways: readonly (() => Promise<number>)[]): Promise<number[]> {
  const results = ways.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, measure] of ways.entries()) results[i]?.push(await measure());
  }
  return results.map((found) => found.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0);
}

/** Bytes a second; reads everything that comes, in a buffer that is used again and again. */
async function throughput(host: string, port: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let bytes = 0;
    let begin = 0;
    const socket = connect({
      host,
      port,
      onread: {
        buffer: Buffer.alloc(1024 * 1024),
        callback: (n) => {
          if (bytes === 0) begin = performance.now();
          bytes += n;
          return true;
        },
      },
    });
    // Not listening yet, or not again.
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    if (bytes > 1024 * 1024) return (bytes / (performance.now() - begin)) * 1000;
    await sleep(10);
  }
  throw new Error(`nobody sends anything at ${host}, port ${port}`);
}

/** A program of Node in a network namespace, once it has said that it is ready. */
async function node(netns: string | undefined, script: string, ...args: string[]): Promise<ChildProcess> {
  const inside = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
  const [program = '', ...rest] = [...inside, process.execPath, '-e', script, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}

async function numberFrom(netns: string | undefined, script: string, ...args: string[]): Promise<number> {
  const child = await node(netns, `${script}\n`, ...args);
  let text = '';
  child.stdout?.on('data', (data) => (text += String(data)));
  await once(child, 'close');
  return Number(text.trim());
}

const ACCEPT = `
const SERVE = (c) => { c.on('error', () => {}); c.end('x'); };
let left = process.argv.length - 1;
for (const port of process.argv.slice(1)) require('node:net').createServer(SERVE).listen(Number(port), () => --left || console.log('ready'));`;
const ECHO = `const s = require('node:dgram').createSocket('udp4', (m, f) => s.send(m, f.port, f.address)); s.bind(Number(process.argv[1]), '127.0.0.1', () => console.log('ready'));`;
/** Eight at a time, for a second. */
const CONNECT = `
console.log('ready');
const [host, port] = process.argv.slice(1);
let count = 0;
const end = performance.now() + 1000;
const one = () => {
  if (performance.now() > end) return;
  const s = require('node:net').connect({ host, port: Number(port) });
  s.on('data', () => { count++; }).on('error', () => {}).on('close', one);
};
for (let i = 0; i < 8; i++) one();
process.on('exit', () => console.log(count));
`;
/** Sixteen questions at a time, for a second. */
const ASK = `
console.log('ready');
const [host, port] = process.argv.slice(1);
const s = require('node:dgram').createSocket('udp4');
const question = Buffer.from('000701000001000000000000057175696574000001' + '0001', 'hex');
let count = 0;
const ask = () => s.send(question, Number(port), host);
s.on('message', () => { count++; ask(); });
s.bind(0, () => { for (let i = 0; i < 16; i++) ask(); });
setTimeout(() => { console.log(count); process.exit(); }, 1000);
`;
