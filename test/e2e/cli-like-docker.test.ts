import assert from 'node:assert/strict';
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
  ['inspect', 'web', 'nonesuch'],
  ['inspect', 'nonesuch'],
  ['inspect', '-f', '{{.State.Health.Status}}', 'web'],
  ['inspect', '-f', '{{.Config.Entrypoint}} {{.Config.Env}} {{json .HostConfig.Links}}', 'web'],
  ['inspect', '-f', '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', 'web'],
  ['inspect', '-f', '{{range .Mounts}}{{.Name}}:{{.Destination}}{{end}} {{printf "%-9s|" .Name}}', 'web'],
  ['image', 'inspect', 'busybox'],
  ['container', 'inspect', 'nonesuch'],
  ['image', 'inspect', 'nonesuch'],
  ['network', 'inspect', 'nonesuch'],
  ['volume', 'inspect', 'nonesuch'],
  ['port', 'web'],
  ['port', 'web', '80'],
  ['port', 'web', '81'],
  ['port', 'web', 'x'],
  ['inspect', '-f', '{{.HostConfig.RestartPolicy}} {{.HostConfig.LogConfig}} {{.NetworkSettings.Ports}}', 'web'],
  ['inspect', '-f', '{{.Mounts}}', 'web'],
  ['inspect', '-f', '{{range $k,$v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}}{{end}}', 'web'],
  ['inspect', '-f', '{{with .State}}{{.Status | upper}}{{end}} {{.Config.Labels.none}}', 'web'],
  ['inspect', '-f', '{{.Nope}}', 'web'],
  ['inspect', '-f', '{{', 'web'],
  ['inspect', '-f', '{{.Name}}', 'bridge', 'busybox', 'web', 'data'],
  ['inspect', '-f', '{{.}}', 'data'],
  ['inspect', '-f', '{{.IPAM}}', 'bridge'],
  ['events', '--since', '1h', '--until', '0s', '-f', 'event=create'],
  [
    'events',
    '--since',
    '1h',
    '--until',
    '0s',
    '-f',
    'event=create',
    '--format',
    '{{.Type}} {{.Time}} {{.ID}} {{.From}}',
  ],
  ['events', '--since', '1h', '--until', '0s', '-f', 'event=create', '--format', 'json'],
  ['events', '--since', '1h', '--until', '0s', '--format', '{{.Nope}}'],
  ['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}'],
  ['system', 'df'],
  ['container', 'prune'],
  ['image', 'prune', '-a'],
  ['volume', 'prune', '-a'],
  ['network', 'prune'],
  ['system', 'prune', '-a', '--volumes', '--filter', 'label=x'],
  ['context', 'ls', '--format', '{{.Name}} {{.Description}}'],
  ['context', 'inspect', 'nonesuch'],
  ['context', 'use', 'nonesuch'],
  ['context', 'rm', 'default'],
  ['context', 'create', 'a/b'],
  ['context', 'create', 'x1', '--docker', 'hoost=x'],
  ['run', '--device-read-bps', '/dev/x', 'busybox'],
  ['run', '--device-write-iops', '/dev/x:a', 'busybox'],
  ['run', '--blkio-weight-device', '/dev/x:5', 'busybox'],
  ['cp', 'a', 'b'],
  ['cp', 'web:/a', 'web:/b'],
  ['cp', 'nonesuch:/f', '/tmp'],
  ['top', 'web', '-o', 'pid,comm'],
  ['top', 'web'],
  ['diff', 'web'],
  ['history', '--no-trunc', '-q', 'busybox'],
  ['exec', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 3'],
  ['exec', 'web', 'nonesuch'],
  ['exec', 'nonesuch', 'true'],
  ['logs', 'web'],
  ['logs', '--since', 'xx', 'web'],
  ['rm', 'web'],
  ['rm', 'nonesuch'],
  ['rm', '-f', 'nonesuch'],
  ['rmi', 'busybox'],
  ['rmi', '-f', 'nonesuch'],
  ['start', 'nonesuch'],
  ['stop', 'nonesuch', 'neither'],
  ['kill', '-s', 'FOO', 'web'],
  ['rename', 'nonesuch', 'x2'],
  ['wait', 'nonesuch'],
  ['unpause', 'web'],
  ['network', 'rm', 'bridge'],
  ['volume', 'rm', 'data'],
  ['update', 'web'],
  ['run', '--rm', 'busybox', 'nonesuch'],
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

test('says what the docker CLI says, byte for byte', {
  timeout: 300_000,
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
