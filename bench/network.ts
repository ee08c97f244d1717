import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { api } from '../test/e2e/support/http.ts';
import type { TestDaemon } from '../test/e2e/support/daemon.ts';

const PORT = 28980;
const MEBIBYTES = 2048;
/** Docker's userland proxy on this kind of machine, in bytes a second. */
const TARGET = 1.6e9;

/** Bytes a second from a container through a published port, by each way in, and from one process of the host to another. */
export async function benchNetwork(daemon: TestDaemon): Promise<void> {
  const feed = `nc -l -p 80 -e dd if=/dev/zero bs=1M count=${MEBIBYTES}`;
  const { Id } = (await api(daemon.socket, 'POST', '/containers/create', {
    Image: 'busybox',
    Cmd: ['sh', '-c', `while true; do ${feed} 2> /dev/null; done`],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: String(PORT) }] } },
  })) as { Id: string };
  await api(daemon.socket, 'POST', `/containers/${Id}/start`);
  const gateway = (await api(daemon.socket, 'GET', '/networks/bridge')) as { IPAM: { Config: { Gateway: string }[] } };
  const ways = { loopback: '127.0.0.1', "the host's address": gateway.IPAM.Config[0]?.Gateway ?? '', '[::1]': '::1' };
  for (const [name, host] of Object.entries(ways)) {
    const rate = await measured(host, PORT);
    const verdict = rate >= TARGET ? 'ok' : 'MISSED';
    console.log(`published port by ${name}: ${gigabytes(rate)} GB/s; target at least ${gigabytes(TARGET)}: ${verdict}`);
  }
  await api(daemon.socket, 'DELETE', `/containers/${Id}?force=1`);
  const floor = spawn('busybox', ['sh', '-c', feed.replace('80', String(PORT)).replaceAll('dd ', 'busybox dd ')], {
    stdio: 'ignore',
  });
  console.log(`(the same between two processes of the host: ${gigabytes(await measured('127.0.0.1', PORT))} GB/s)`);
  floor.kill();
}

/** Reads everything that comes, in a buffer that is used again and again. */
async function measured(host: string, port: number): Promise<number> {
  for (;;) {
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
  }
}

function gigabytes(rate: number): string {
  return (rate / 1e9).toFixed(2);
}
