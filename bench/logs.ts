import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { absolute, report } from './report.ts';
import { medians, timed } from './support.ts';

export const LINES = 2_000_000;
/** 100 bytes a line, with its newline. */
export const SCRIPT = `yes "$(printf 'x%.0s' $(seq 1 99))" | head -n ${LINES}`;

/** Bytes of the log whose end is asked for. */
const LARGE = 1024 ** 3;

/** 2 million lines of a container into its log, detached and attached, against the same program in the same root piped to `wc -c`; the end of a large log. */
export async function benchLogs(daemon: TestDaemon): Promise<void> {
  const root = join(daemon.directory, 'log-floor');
  mkdirSync(root);
  execFileSync('tar', ['-xC', root], { input: await busyboxTar() });
  const docker = (...args: string[]) => timed('docker', args, daemon.env);
  const detached = () => {
    const ms = docker('run', '-d', '--name', 'lines', 'busybox', 'sh', '-c', SCRIPT) + docker('wait', 'lines');
    docker('rm', 'lines');
    return ms;
  };
  const times = medians(3, {
    floor: () => timed('chroot', [root, '/bin/sh', '-c', `${SCRIPT} | wc -c`]),
    detached,
    attached: () => docker('run', '--rm', 'busybox', 'sh', '-c', SCRIPT),
  });
  const { floor = 1, detached: silent = 0, attached = 0 } = times;
  report(`${LINES} log lines of a detached container`, silent, floor, '| wc -c', 2.5);
  report(`${LINES} log lines of an attached container`, attached, floor, '| wc -c', 4);
  tailOfLargeLog(daemon);
}

/** `logs --tail 10` of a log of 1 GiB, against `tail`. */
function tailOfLargeLog(daemon: TestDaemon): void {
  const id = execFileSync('docker', ['create', 'busybox', 'true'], { env: daemon.env, encoding: 'utf8' }).trim();
  const path = execFileSync('docker', ['inspect', '-f', '{{.LogPath}}', id], {
    env: daemon.env,
    encoding: 'utf8',
  }).trim();
  const line = JSON.stringify({ log: `${'x'.repeat(99)}\n`, stream: 'stdout', time: '2026-01-01T00:00:00.000000000Z' });
  const block = Buffer.from(`${line}\n`.repeat(8000));
  const file = openSync(path, 'w');
  for (let written = 0; written < LARGE; written += block.length) writeSync(file, block);
  closeSync(file);
  const times = medians(5, {
    tail: () => timed('tail', ['-n', '10', path]),
    logs: () => timed('docker', ['logs', '--tail', '10', id], daemon.env),
    version: () => timed('docker', ['version'], daemon.env),
  });
  const { tail = 0, logs = 0, version = 0 } = times;
  const floor = { name: 'docker version, and tail', value: version + tail };
  absolute('docker logs --tail 10 of 1 GiB', logs, version + 20, 'ms', floor);
  timed('docker', ['rm', id], daemon.env);
}
