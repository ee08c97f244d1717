import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxTar } from '../test/e2e/support/busybox.ts';
import { api } from '../test/e2e/support/http.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';
import { medians, report, timed } from './support.ts';

const LINES = 2_000_000;
/** 100 bytes a line, with its newline. */
const SCRIPT = `yes "$(printf 'x%.0s' $(seq 1 99))" | head -n ${LINES}`;

/** 2 million lines of a detached container into its log, against the same program in the same root piped to `wc -c`. */
export async function benchLogs(daemon: TestDaemon): Promise<void> {
  const root = join(daemon.directory, 'log-floor');
  mkdirSync(root);
  execFileSync('tar', ['-xC', root], { input: await busyboxTar() });
  const inContainer = () => {
    const ms = timed('docker', ['run', '-d', '--name', 'lines', 'busybox', 'sh', '-c', SCRIPT], daemon.env);
    return ms + timed('docker', ['wait', 'lines'], daemon.env);
  };
  const times = medians(3, {
    floor: () => timed('chroot', [root, '/bin/sh', '-c', `${SCRIPT} | wc -c`]),
    container: () => {
      const ms = inContainer();
      execFileSync('docker', ['rm', 'lines'], { env: daemon.env, stdio: 'ignore' });
      return ms;
    },
  });
  report(`${LINES} log lines of a detached container`, times['container'] ?? 0, times['floor'] ?? 1, '| wc -c', 2.5);
  await api(daemon.socket, 'GET', '/_ping');
}
