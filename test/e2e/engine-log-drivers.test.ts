import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { importBusybox } from './support/busybox.ts';
import { type TestDaemon, withDaemon } from './support/daemon.ts';
import { run } from './support/run.ts';

const docker = (daemon: TestDaemon, ...args: string[]) => run('docker', args, { env: daemon.env, timeoutMs: 30_000 });

async function textWith(path: string, words: string): Promise<string> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.includes(words)) return text;
    await sleep(20);
  }
}

test('syslog: a real syslogd, tags, facilities, logs beside it, refusals', { timeout: 120_000 }, async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const shared = join(daemon.directory, 'shared');
    mkdirSync(shared);
    // With mapped users a container's root is somebody else there.
    chmodSync(shared, 0o777);
    // busybox's syslogd follows a link at /dev/log.
    const serve = 'ln -s /shared/log /dev/log; exec syslogd -n -O /shared/messages';
    const server = await docker(daemon, 'run', '-d', '-v', `${shared}:/shared`, 'busybox', 'sh', '-c', serve);
    assert.equal(server.code, 0, server.stderr);
    await textWith(join(shared, 'messages'), 'syslogd started');
    const to = (...more: string[]) => [
      '--log-driver=syslog',
      `--log-opt=syslog-address=unixgram://${shared}/log`,
      ...more.map((option) => `--log-opt=${option}`),
    ];
    const said = await docker(
      daemon,
      'run',
      '--name=said',
      '--label=team=blue',
      ...to('tag={{.ImageName}}/{{.Name}}', 'syslog-facility=local3', 'labels=team'),
      'busybox',
      'sh',
      '-c',
      'echo out; echo err >&2; printf torn',
    );
    assert.deepEqual([said.code, said.stdout, said.stderr], [0, 'out\ntorn', 'err\n']);
    const messages = await textWith(join(shared, 'messages'), 'torn');
    for (const line of ['info busybox/said[', 'err busybox/said['])
      assert.ok(messages.includes(`local3.${line}`), messages);
    assert.equal(
      (await docker(daemon, 'logs', '--details', 'said')).stdout,
      'tag=busybox%2Fsaid,team=blue out\ntag=busybox%2Fsaid,team=blue torn',
    );
    assert.equal((await docker(daemon, 'logs', 'said')).stdout, 'out\ntorn');

    const unread = await docker(
      daemon,
      'run',
      '--name',
      'unread',
      ...to('cache-disabled=true'),
      'busybox',
      'echo',
      'unread',
    );
    assert.equal(unread.code, 0, unread.stderr);
    await textWith(join(shared, 'messages'), ': unread');
    const refused = await docker(daemon, 'logs', 'unread');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /configured logging driver does not support reading/);

    const cases: [string[], RegExp][] = [
      [['--log-driver=nope'], /error looking up logging plugin nope: plugin "nope" not found/],
      [to('foo=bar'), /unknown log opt 'foo' for syslog log driver/],
      [to('syslog-facility=nope'), /invalid syslog facility/],
      [to('syslog-format=nope'), /Invalid syslog format/],
      [to('mode=nope'), /logging mode not supported: nope/],
      [to('max-buffer-size=1m'), /max-buffer-size option is only supported with 'mode=non-blocking'/],
      [['--log-driver=syslog', '--log-opt=syslog-address=ftp://x'], /unsupported scheme: 'ftp'/],
      [
        ['--log-driver=syslog', '--log-opt=syslog-address=unix:///no/such'],
        /stat \/no\/such: no such file or directory/,
      ],
      [
        ['--log-driver=syslog', '--log-opt=syslog-address=tcp://127.0.0.1:1'],
        /failed to initialize logging driver: dial tcp 127\.0\.0\.1:1: connect: connection refused/,
      ],
    ];
    for (const [options, message] of cases) {
      const outcome = await docker(daemon, 'run', '--rm', ...options, 'busybox', 'true');
      assert.ok(outcome.code === 125 || outcome.code === 127, options.join(' '));
      assert.match(outcome.stderr, message);
    }
    assert.equal((await docker(daemon, 'ps', '-aq')).stdout.split('\n').filter(Boolean).length, 3);
  });
});

test('syslog over UDP in the formats of RFC 3164 and 5424', { timeout: 60_000 }, async () => {
  const receiver = createSocket('udp4');
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  try {
    await withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      for (const [format, shape] of [
        ['rfc3164', `<30>\\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d ${hostname()} me\\[\\d+\\]: hello\n`],
        ['rfc5424', `<30>1 [-\\dT:]{19}Z ${hostname()} me \\d+ me - hello\n`],
        ['rfc5424micro', `<30>1 [-\\dT:]{19}\\.\\d{6}Z ${hostname()} me \\d+ me - hello\n`],
      ] as const) {
        const message = once(receiver, 'message') as Promise<[Buffer]>;
        const options = [
          `syslog-address=udp://127.0.0.1:${receiver.address().port}`,
          `syslog-format=${format}`,
          'tag=me',
        ];
        const logs = ['--log-driver=syslog', ...options.map((option) => `--log-opt=${option}`)];
        const { code, stderr } = await docker(daemon, 'run', '--rm', ...logs, 'busybox', 'echo', 'hello');
        assert.equal(code, 0, stderr);
        assert.match((await message)[0].toString(), new RegExp(`^${shape}$`));
      }
    });
  } finally {
    receiver.close();
  }
});
