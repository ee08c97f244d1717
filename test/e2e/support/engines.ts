import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { importBusybox } from './busybox.ts';
import { withDaemon } from './daemon.ts';
import { run } from './run.ts';
import { withStockEngine } from './stock-engine.ts';

/** An engine that Compose is tried on: this one, or stock Docker. `busybox` is there. */
export interface EngineUnderTest {
  readonly directory: string;
  readonly socket: string;
  readonly env: NodeJS.ProcessEnv;
  /** Takes an anonymous volume that went over to another container for a named one, which `down -v` leaves. */
  readonly leavesCarriedVolumes: boolean;
  /** What is answered at a port of the engine's loopback address. */
  page(port: number): Promise<string>;
}

/** Registers a test for this engine and one for Debian's docker.io 20.10: Compose knows no more of either than the API. */
export function testOnEveryEngine(
  name: string,
  options: { readonly timeout: number },
  body: (engine: EngineUnderTest) => Promise<void>,
): void {
  test(name, options, () =>
    withDaemon(async (daemon) => {
      await importBusybox(daemon.socket);
      const { directory, socket, env } = daemon;
      await body({ directory, socket, env, leavesCarriedVolumes: false, page: pageHere });
    }),
  );
  test(`docker.io 20.10: ${name}`, options, () =>
    withStockEngine('20.10', async ({ directory, socket, host, inNetwork: [nsenter = '', ...flags] }) => {
      await importBusybox(socket);
      const env = { ...process.env, DOCKER_HOST: host, WHARF_HOST: host, DOCKER_CONFIG: join(directory, 'config') };
      const page = async (port: number) => {
        const fetched = await run(nsenter, [...flags, 'busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:${port}/`]);
        return fetched.stdout;
      };
      await body({ directory, socket, env: { ...env, NO_COLOR: '1' }, leavesCarriedVolumes: true, page });
    }),
  );
}

function pageHere(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => resolve(body));
    });
    asked.once('error', reject);
    asked.end();
  });
}
