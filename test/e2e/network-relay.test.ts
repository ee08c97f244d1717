import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkLab, runInside } from './network-lab.ts';

const POOL = '10.213.112.0/20';
const PORT = 28390;

/** Sends back what it is sent, to its end. */
const ECHO = `
require('node:net').createServer({ allowHalfOpen: true }, (c) => c.on('error', () => {}).pipe(c))
  .listen(80, '0.0.0.0', () => console.log('ready'));
`;

test('thousands of connections one after the other, large ones in both directions: all arrives', {
  timeout: 60_000,
}, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const server = await lab.container(network);
  await lab.program(server.netns, ECHO);
  const request = { containerPort: 80, protocol: 'tcp', hostIp: '::1', hostPort: PORT } as const;
  await lab.networks.publish(server.containerId, network.id, [request]);

  const small = `
    let left = 4000, wrong = 0, open = 0;
    const next = () => {
      if (left-- <= 0) return;
      open++;
      let text = '';
      const s = require('node:net').connect({ host: '::1', port: ${PORT} });
      s.end('hello').on('data', (d) => { text += d; }).on('error', (e) => { text = e.code; })
        .on('close', () => { if (text !== 'hello') wrong++; open--; next(); });
    };
    for (let i = 0; i < 16; i++) next();
    process.on('exit', () => console.log(wrong, open));
  `;
  assert.equal(await runInside(undefined, small), '0 0');

  // The client reads slowly at first: what it does not take yet has to wait, and is not lost.
  const large = `
    const { createHash, randomBytes } = require('node:crypto');
    const one = (bytes) => new Promise((resolve) => {
      const data = randomBytes(bytes), found = createHash('sha256');
      const s = require('node:net').connect({ host: '::1', port: ${PORT}, allowHalfOpen: true });
      s.pause().end(data);
      setTimeout(() => s.resume(), 100);
      s.on('data', (d) => found.update(d)).on('error', (e) => resolve(e.code));
      s.on('end', () => resolve(found.digest('hex') === createHash('sha256').update(data).digest('hex')));
    });
    Promise.all([1, 70_000, 5_000_000, 30_000_000].map(one)).then((all) => console.log(...all));
  `;
  assert.equal(await runInside(undefined, large), 'true true true true');
});

test('a container that refuses is seen to refuse; connections end with their port', { timeout: 60_000 }, async (t) => {
  const lab = await NetworkLab.open(t, POOL);
  const network = await lab.network();
  const server = await lab.container(network);
  const request = { containerPort: 80, protocol: 'tcp', hostIp: '::1', hostPort: PORT } as const;
  await lab.networks.publish(server.containerId, network.id, [request]);
  assert.equal(await lab.ask(undefined, '::1', PORT), 'ECONNRESET');
  await lab.program(server.netns, ECHO);
  const client = await lab.program(
    undefined,
    `const s = require('node:net').connect({ host: '::1', port: ${PORT} });
     s.write('ready'); s.on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.code, 'over'));`,
  );
  await lab.networks.unpublish(server.containerId);
  await client.until('over');
  assert.match(client.output, /ECONNRESET over/);
  assert.equal(await lab.ask(undefined, '::1', PORT), 'ECONNREFUSED');
});
