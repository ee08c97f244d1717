import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { wharfPath, withDaemon } from './support/daemon.ts';
import { run, type Outcome } from './support/run.ts';

/** Commands that change nothing, so that both programs see the same engine. */
const COMMANDS: readonly (readonly string[])[] = [
  ['ps', '--format', '{{.ID}} {{.Names}} {{.Image}} {{.Ports}} {{.State}}'],
  ['ps', '-aq', '--no-trunc'],
  ['ps', '-a', '--format', 'table {{.Names}}\\t{{.Command}}\\t{{.Label "a"}}'],
  ['ps', '--filter', 'foo=bar'],
  ['ps', '--filter', 'foo'],
  ['ps', '--format', '{{.ID'],
  ['images', '--format', '{{json .Repository}} {{.Tag}} {{.ID}} {{.Size}} {{.VirtualSize}} {{.Digest}} {{.CreatedAt}}'],
  ['images', '--digests', '-q'],
  ['network', 'ls'],
  ['volume', 'ls'],
  ['inspect', 'web'],
  ['inspect', 'web', 'nope'],
  ['inspect', 'nope'],
  ['inspect', '-f', '{{.State.Health.Status}}', 'web'],
  ['inspect', '-f', '{{.Config.Entrypoint}} {{.Config.Env}} {{json .HostConfig.Links}}', 'web'],
  ['inspect', '-f', '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', 'web'],
  ['inspect', '-f', '{{range .Mounts}}{{.Name}}:{{.Destination}}{{end}} {{printf "%-9s|" .Name}}', 'web'],
  ['image', 'inspect', 'busybox'],
  ['container', 'inspect', 'nope'],
  ['image', 'inspect', 'nope'],
  ['network', 'inspect', 'nope'],
  ['volume', 'inspect', 'nope'],
  ['port', 'web'],
  ['port', 'web', '80'],
  ['port', 'web', '81'],
  ['top', 'web'],
  ['diff', 'web'],
  ['history', '--no-trunc', '-q', 'busybox'],
  ['exec', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 3'],
  ['exec', 'web', 'nope'],
  ['exec', 'nope', 'true'],
  ['logs', 'web'],
  ['logs', '--since', 'xx', 'web'],
  ['rm', 'web'],
  ['rm', 'nope'],
  ['rm', '-f', 'nope'],
  ['rmi', 'busybox'],
  ['rmi', '-f', 'nope'],
  ['start', 'nope'],
  ['stop', 'nope', 'neither'],
  ['kill', '-s', 'FOO', 'web'],
  ['rename', 'nope', 'x2'],
  ['wait', 'nope'],
  ['unpause', 'web'],
  ['network', 'rm', 'bridge'],
  ['volume', 'rm', 'data'],
  ['update', 'web'],
  ['run', '--rm', 'busybox', 'nope'],
  ['run', '--rm', 'busybox', '/etc'],
  ['run', '-p', 'a:b', 'busybox'],
  ['run', '--name', 'web', 'busybox'],
  ['run', '-m', 'x', 'busybox'],
  ['run', '--mount', 'type=bind,src=/nope,dst=/x', 'busybox'],
  ['run', 'y:z:a'],
  ['create', '--name', 'web', 'busybox'],
  ['run'],
  ['run', '--fooooo'],
  ['port', 'a', 'b', 'c'],
  ['stop', '-t'],
];

const hasDocker = spawnSync('docker', ['--version']).status === 0;

test('says what the docker CLI says, byte for byte', {
  timeout: 300_000,
  skip: !hasDocker && 'no docker CLI here',
}, async (t) => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const wharf = (args: readonly string[]) => run(wharfPath, args, { env: daemon.env });
    const made = await wharf('run -d --name web -p 80 -l a=b -e X=1 -v data:/data busybox sleep 1000'.split(' '));
    assert.equal(made.code, 0, made.stderr);
    for (const args of COMMANDS) {
      await t.test(args.join(' '), async () => {
        const theirs = await run('docker', args, { env: daemon.env });
        assert.deepEqual(named(await wharf(args)), named(theirs));
      });
    }
  });
});

/** The program's own name is the one difference that is meant. */
function named({ code, stdout, stderr }: Outcome): Outcome {
  const name = (text: string) => text.replaceAll('docker', 'wharf');
  return { code, stdout: name(stdout), stderr: name(stderr) };
}
