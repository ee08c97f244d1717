import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** In a process of its own: testcontainers reads its settings when it is loaded. */
const PROGRAM = `
import assert from 'node:assert/strict';
import { GenericContainer, Network, Wait } from 'testcontainers';
const network = await new Network().start();
const server = await new GenericContainer('busybox')
  .withCommand(['sh', '-c', 'mkdir /www; echo served > /www/index.html; echo listening; exec httpd -f -p 80 -h /www'])
  .withExposedPorts(80)
  .withNetwork(network)
  .withNetworkAliases('server')
  .withWaitStrategy(Wait.forLogMessage('listening'))
  .start();
const answer = await fetch('http://' + server.getHost() + ':' + server.getMappedPort(80) + '/');
assert.equal(await answer.text(), 'served\\n');
const exec = await server.exec(['sh', '-c', 'nslookup server >/dev/null && echo resolved']);
assert.equal(exec.exitCode, 0);
assert.match(exec.output, /resolved/);
await server.stop();
await network.stop();
console.log('all well');
`;

test('testcontainers: a server on a network, waited for, asked, exec, stopped', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const env = { ...daemon.env, TESTCONTAINERS_RYUK_DISABLED: 'true' };
    const outcome = await run(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      env,
      cwd: join(repository, 'test'),
    });
    assert.equal(outcome.stdout, 'all well\n', outcome.stderr);
  });
});
