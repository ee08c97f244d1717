import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * A host of its own: a network namespace in which nobody is disturbed by what is done to the firewall.
 * @param options `ownPids`: in a PID namespace too, as in a container
 */
export async function onOwnHost(script: string, options: { readonly ownPids?: boolean } = {}): Promise<string[]> {
  const lab = fileURLToPath(new URL('./network-lab.ts', import.meta.url));
  const linux = fileURLToPath(new URL('../../src/linux/index.ts', import.meta.url));
  const child = spawn(
    'unshare',
    [
      '--net',
      ...(options.ownPids ? ['--pid', '--fork', '--mount-proc'] : []),
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      PRELUDE + script,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LAB: lab, LINUX: linux } },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, errors);
  return output.trim().split('\n');
}

const PRELUDE = `
import { execFileSync } from 'node:child_process';
const { NetworkLab } = await import(process.env.LAB);
const { createNetns, removeNetns } = await import(process.env.LINUX);
const sh = (command) => execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim();
const say = (...words) => console.log(...words);
sh('ip link set lo up');
const ends = [];
/** A machine beside the host, 203.0.113.2, that knows the way to containers; its namespace. */
async function neighbour(lab) {
  const file = lab.execRoot + '/outside';
  createNetns(file, () => undefined);
  ends.unshift(() => removeNetns(file));
  sh(\`ip link add out0 type veth peer name in0 netns \${file}; ip addr add 203.0.113.1/24 dev out0; ip link set out0 up\`);
  sh(\`nsenter --net=\${file} sh -c 'ip addr add 203.0.113.2/24 dev in0; ip link set in0 up; ip route add default via 203.0.113.1'\`);
  return file;
}
const openLab = () => NetworkLab.open({ after: (end) => ends.push(end) }, '10.213.64.0/20');
/** One container that serves port 80, published as 28380; another one, on another network, that asks there. */
async function pair(lab) {
  const [near, far] = [await lab.network({ name: 'near' }), await lab.network({ name: 'far' })];
  const [server, client] = [await lab.container(near), await lab.container(far)];
  await lab.serve(server.netns, 80, 'served');
  await lab.networks.publish(server.containerId, near.id, [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 28380 }]);
  const gateway = near.subnets[0].gateway;
  const ask = async () => (await lab.ask(client.netns, gateway, 28380)).split(' ')[0];
  const until = async (answer) => { while ((await ask()) !== answer); };
  return { near, far, ask, until };
}
`;
