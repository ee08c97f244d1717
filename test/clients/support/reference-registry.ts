import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a reference registry is to do besides serving: whole sections of its configuration, as YAML. */
interface ReferenceOptions {
  readonly host?: string;
  /** Lines below `http:`. */
  readonly http?: string;
  /** The section `auth:`. */
  readonly auth?: string;
  readonly port?: number;
}

/** Debian's docker-registry (the reference implementation), with a directory of its own. */
export async function withReference(
  body: (host: string, directory: string) => Promise<void>,
  options: (directory: string) => ReferenceOptions | Promise<ReferenceOptions> = () => ({}),
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-registry-'));
  const { host = '127.0.0.1', http = '', auth = '', port = await freePort(host) } = await options(directory);
  const config = join(directory, 'config.yml');
  mkdirSync(join(directory, 'data'));
  writeFileSync(
    config,
    `version: 0.1
storage:
  filesystem:
    rootdirectory: ${directory}/data
  delete:
    enabled: true
http:
  addr: ${host}:${port}
${http}
${auth}
`,
  );
  const child: ChildProcess = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (!child.stderr) throw new Error('no output');
  const lines = createInterface({ input: child.stderr });
  const said: string[] = [];
  try {
    let ready = false;
    for await (const line of lines) {
      said.push(line);
      ready = line.includes('listening on');
      if (ready) break;
    }
    if (!ready) throw new Error(`docker-registry ended:\n${said.join('\n')}`);
    child.stderr.resume();
    await body(`${host}:${port}`, directory);
  } finally {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago. */
async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
