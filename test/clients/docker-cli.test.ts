import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { type TestDaemon, withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

/** The real `docker` of Docker's own distribution, pointed at our daemon. */
function dockerOf(daemon: TestDaemon) {
  const docker = (...args: string[]) => run('docker', args, { env: daemon.env });
  const ok = async (...args: string[]): Promise<string> => {
    const outcome = await docker(...args);
    assert.equal(outcome.code, 0, `docker ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout;
  };
  return { docker, ok };
}

/** Splits as a shell would; quoting is not needed here. */
const words = (line: string): string[] => line.split(' ');

/** Runs a command line on a terminal of its own, with `input` typed into it. */
function onTerminal(daemon: TestDaemon, command: string, input = '') {
  return run('script', ['-qec', command, '/dev/null'], { env: { ...daemon.env, TERM: 'xterm' }, input });
}

/** Resolves at the first line that matches. */
function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('stdout is not piped');
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (pattern.test(line)) resolve(line);
    });
    lines.once('close', () => reject(new Error(`ended without ${pattern}`)));
  });
}

test('docker run: output, exit codes, stdin, terminal; --rm leaves no container', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { docker, ok } = dockerOf(daemon);
    assert.equal(await ok('run', '--rm', 'busybox', 'echo', 'hello'), 'hello\n');

    const both = await docker('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3');
    assert.deepEqual(both, { code: 3, stdout: 'out\n', stderr: 'err\n' });

    const input = 'a line\n'.repeat(20_000);
    const cat = await run('docker', words('run --rm -i busybox cat'), { env: daemon.env, input });
    assert.equal(cat.stdout, input);

    const tty = await onTerminal(
      daemon,
      "stty rows 40 cols 100; docker run --rm -it busybox sh -c 'tty; stty size; echo $TERM'",
    );
    assert.match(tty.stdout, /\/dev\/(pts\/0|console)\r\n40 100\r\nxterm\r\n$/, JSON.stringify(tty));
    const typed = await onTerminal(daemon, 'docker run --rm -it busybox sh', 'echo $((40 + 2))\nexit 7\n');
    assert.match(typed.stdout, /^42\r?$/m);
    assert.equal(typed.code, 7);

    const environment = words('run --rm -e A=1 -w /tmp -u nobody --hostname box busybox sh -c');
    const said = await ok(...environment, 'echo $A $(pwd) $(id -un) $(hostname)');
    assert.equal(said, '1 /tmp nobody box\n');

    assert.equal((await docker('run', '--rm', 'busybox', 'nope')).code, 127);
    assert.equal((await docker('run', '--rm', 'busybox', '/etc')).code, 126);
    const missing = await docker('run', '--rm', 'registry.invalid/nope:1', 'true');
    assert.equal(missing.code, 125);
    assert.match(missing.stderr, /Unable to find image 'registry.invalid\/nope:1' locally/);
    assert.equal(await ok('ps', '-aq'), '');
  });
});

test('docker run -d with ports, volumes, names; ps, logs -f, exec, inspect, stop, rm', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { docker, ok } = dockerOf(daemon);
    const page =
      'echo served > /www/index.html; echo ready; trap "echo bye; exit 0" TERM; httpd -f -p 80 -h /www & wait';
    const id = (
      await ok(...words('run -d --name web -p 127.0.0.1::80 -v www:/www -e A=1 -l tier=front busybox sh -c'), page)
    ).trim();
    assert.match(id, /^[0-9a-f]{64}$/);

    const logs = spawn('docker', words('logs -f web'), { env: daemon.env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(logs, 'close');
    await lineOf(logs, /^ready$/);

    const row = (await ok('ps', '--format', '{{.Names}}|{{.Image}}|{{.Status}}|{{.Ports}}')).trim();
    assert.match(row, /^web\|busybox\|Up (Less than a second|\d+ seconds?)\|127\.0\.0\.1:\d+->80\/tcp$/);
    assert.equal((await ok(...words('ps -q --no-trunc --filter label=tier=front'))).trim(), id);
    const address = (await ok('port', 'web', '80')).trim();
    assert.equal(await (await fetch(`http://${address}/`)).text(), 'served\n');

    assert.equal(await ok('exec', 'web', 'sh', '-c', 'echo $A; cat /www/index.html'), '1\nserved\n');
    assert.equal((await docker('exec', 'web', 'sh', '-c', 'exit 9')).code, 9);
    assert.equal((await docker('exec', 'web', 'nope')).code, 127);
    const ghost = await docker('exec', '-u', 'ghost', 'web', 'true');
    assert.equal(ghost.code, 126);
    assert.match(ghost.stdout, /unable to find user ghost: no matching entries in passwd file/);
    const typed = await onTerminal(daemon, 'docker exec -it web sh', 'echo $((40 + 2))\nexit 4\n');
    assert.match(typed.stdout, /^42\r?$/m);
    assert.equal(typed.code, 4);
    const piped = await run('docker', words('exec -i web cat'), { env: daemon.env, input: 'through' });
    assert.equal(piped.stdout, 'through');

    assert.equal(
      (await ok('inspect', '-f', '{{.State.Status}} {{index .Config.Labels "tier"}}', 'web')).trim(),
      'running front',
    );
    assert.match(await ok('top', 'web'), /httpd/);
    assert.match((await docker('rm', 'web')).stderr, /container is running/);

    assert.equal((await ok('stop', '-t', '5', 'web')).trim(), 'web');
    await ended;
    assert.match(await ok('logs', 'web'), /^ready\nbye\n$/);
    assert.equal((await ok('inspect', '-f', '{{.State.ExitCode}}', 'web')).trim(), '0');
    assert.match(await ok(...words('ps -a --format {{.Status}}')), /^Exited \(0\) /);
    await ok('start', 'web');
    await ok('rename', 'web', 'renamed');
    await ok('restart', '-t', '0', 'renamed');
    await ok('kill', 'renamed');
    assert.equal((await ok('wait', 'renamed')).trim(), '137');
    assert.equal((await ok('rm', '-f', 'renamed')).trim(), 'renamed');
    assert.match((await docker('inspect', 'renamed')).stderr, /No such object: renamed/);
    assert.equal((await ok('volume', 'rm', 'www')).trim(), 'www');
  });
});

test('docker attach, wait and events follow a container', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { ok } = dockerOf(daemon);
    const events = spawn(
      'docker',
      words('events --format {{.Type}}:{{.Action}} --filter container=cc --filter type=container'),
      {
        env: daemon.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const seen: string[] = [];
    if (events.stdout === null) throw new Error('stdout is not piped');
    createInterface({ input: events.stdout }).on('line', (line) => seen.push(line));
    // The subscription stands when the answer's head is there; a second one tells us that the daemon takes them.
    await firstByteOfEvents(daemon);
    await ok(...words('create -i --name cc busybox sh -c'), 'read line; echo got $line; exit 5');
    const attached = run('docker', words('start -ai cc'), { env: daemon.env, input: 'typed\n' });
    const outcome = await attached;
    assert.deepEqual([outcome.code, outcome.stdout], [5, 'got typed\n'], outcome.stderr);
    assert.equal((await ok('wait', 'cc')).trim(), '5');
    const destroyed = lineOf(events, /destroy/);
    await ok('rm', 'cc');
    await destroyed;
    events.kill();
    assert.deepEqual(
      seen,
      ['create', 'attach', 'start', 'die', 'destroy'].map((action) => `container:${action}`),
    );
  });
});

function firstByteOfEvents(daemon: TestDaemon): Promise<void> {
  return new Promise((resolve, reject) => {
    const req = request({ socketPath: daemon.socket, path: '/events' }, (res) => {
      res.destroy();
      resolve();
    });
    req.once('error', reject);
    req.end();
  });
}

test('docker build, images, tag, history, save, load, rmi', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { docker, ok } = dockerOf(daemon);
    const context = join(daemon.directory, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'file.txt'), 'copied\n');
    writeFileSync(
      join(context, 'Dockerfile'),
      [
        'FROM busybox',
        'ARG WORD=none',
        'COPY file.txt /',
        'RUN echo $WORD > /word',
        'CMD ["cat", "/file.txt", "/word"]',
        '',
      ].join('\n'),
    );
    const built = await ok('build', '--build-arg', 'WORD=given', '-t', 'made:1', context);
    assert.match(built, /^Step 1\/5 : FROM busybox$/m);
    assert.match(built, /^Successfully built [0-9a-f]{12}$/m);
    assert.match(built, /^Successfully tagged made:1$/m);
    assert.equal(await ok('run', '--rm', 'made:1'), 'copied\ngiven\n');
    assert.match(await ok('build', '--build-arg', 'WORD=given', '-t', 'made:1', context), /---> Using cache/);

    assert.match(await ok('images', 'made', '--format', '{{.Repository}}:{{.Tag}}'), /^made:1\n$/);
    await ok('tag', 'made:1', 'made:2');
    assert.match(await ok('history', '-q', 'made:2'), /^[0-9a-f]{12}\n/);
    const archive = join(daemon.directory, 'saved.tar');
    await ok('save', '-o', archive, 'made:2');
    assert.match(await ok('rmi', 'made:1', 'made:2'), /^Untagged: made:1\nUntagged: made:2\nDeleted: sha256:/);
    assert.equal(await ok('load', '-i', archive), 'Loaded image: made:2\n');
    assert.equal(await ok('run', '--rm', 'made:2'), 'copied\ngiven\n');

    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nFRM x\n');
    const typo = await docker('build', context);
    assert.equal(typo.code, 1);
    assert.match(typo.stderr, /unknown instruction: FRM/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN exit 6\n');
    const failing = await docker('build', context);
    assert.equal(failing.code, 6);
    assert.match(failing.stderr, /returned a non-zero code: 6/);

    await ok('create', '--name', 'user', 'made:2');
    assert.match(
      (await docker('rmi', 'made:2')).stderr,
      /conflict: unable to remove repository reference "made:2" \(must force\)/,
    );
  });
});

test('docker network, volume, cp, diff, commit, system', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const { docker, ok } = dockerOf(daemon);
    await ok('network', 'create', 'net');
    await ok(...words('run -d --name server --network net busybox httpd -f -p 80'));
    assert.match(await ok(...words('run --rm --network net busybox nslookup server')), /Address.*10\.213\./);
    assert.match((await docker('network', 'create', 'net')).stderr, /network with name net already exists/);
    assert.match((await docker('network', 'rm', 'net')).stderr, /has active endpoints/);
    await ok('network', 'disconnect', 'net', 'server');
    await ok('network', 'connect', '--alias', 'other', 'net', 'server');
    assert.match(await ok(...words('run --rm --network net busybox nslookup other')), /Address.*10\.213\./);
    assert.match(await ok(...words('network ls --format {{.Name}}')), /^bridge\nhost\nnet\nnone\n$/);

    await ok('volume', 'create', '--label', 'a=b', 'vol');
    await ok(...words('run --rm -v vol:/data busybox sh -c'), 'echo kept > /data/f');
    assert.equal(await ok(...words('run --rm -v vol:/data:ro busybox cat /data/f')), 'kept\n');
    assert.match(
      (await docker(...words('run --rm -v vol:/data:ro busybox touch /data/g'))).stderr,
      /Read-only file system/,
    );
    assert.match(await ok('volume', 'inspect', 'vol'), /"a": "b"/);
    assert.match((await docker('volume', 'inspect', 'nope')).stderr, /no such volume/);
    await ok('volume', 'rm', 'vol');

    const file = join(daemon.directory, 'file');
    writeFileSync(file, 'into\n');
    await ok('cp', file, 'server:/tmp/file');
    assert.equal(await ok('exec', 'server', 'cat', '/tmp/file'), 'into\n');
    await ok('cp', 'server:/tmp/file', `${file}.back`);
    assert.equal(readFileSync(`${file}.back`, 'utf8'), 'into\n');
    assert.match(
      (await docker('cp', 'server:/nope', file)).stderr,
      /Could not find the file \/nope in container server/,
    );
    assert.match(await ok('diff', 'server'), /^A \/tmp\/file$/m);
    assert.match(await ok('commit', '-c', 'CMD ["cat","/tmp/file"]', 'server', 'committed'), /^sha256:/);
    assert.equal(await ok('run', '--rm', 'committed'), 'into\n');
    await ok('rm', '-f', 'server');
    await ok('network', 'rm', 'net');

    assert.match(await ok('info', '--format', '{{.OSType}} {{.Swarm.LocalNodeState}}'), /^linux inactive$/m);
    assert.match(await ok('version', '--format', '{{.Server.APIVersion}}'), /^1\.50$/m);
    assert.match(await ok('system', 'df'), /^Images\s+\d/m);
    assert.equal(await ok('container', 'prune', '-f'), 'Total reclaimed space: 0B\n');
    assert.match((await docker('swarm', 'ca')).stderr, /This node is not a swarm manager/);
  });
});
