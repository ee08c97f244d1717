import { request } from 'node:http';
import { FrameParser } from '../../src/core/frames.ts';
import { api } from '../e2e/support/http.ts';
import type { World } from './world.ts';

/** A container's log as the engine gives it. @param tty its output is not in frames */
export async function logsOf(world: World, name: string, tty = false): Promise<string> {
  const bytes = await ask(world, 'GET', `/containers/${name}/logs?stdout=1&stderr=1`);
  return tty ? bytes.toString() : unframed(bytes);
}

/** Runs a command in a container to its end and gives what it said. */
export async function execOf(world: World, name: string, argv: readonly string[]): Promise<string> {
  const { socket } = world.daemon;
  const wish = { Cmd: argv, AttachStdout: true, AttachStderr: true };
  const { Id } = (await api(socket, 'POST', `/containers/${name}/exec`, wish)) as { Id: string };
  return unframed(await ask(world, 'POST', `/exec/${Id}/start`, { Detach: false, Tty: false }));
}

function unframed(bytes: Buffer): string {
  return Buffer.concat([...new FrameParser().push(bytes)].map((frame) => frame.payload)).toString();
}

/** The bare bytes of an answer. @throws {Error} at a status of 400 or more */
function ask(world: World, method: string, path: string, body?: unknown): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const options = { socketPath: world.daemon.socket, method, path, headers, agent: false as const };
    const req = request(options, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const answer = Buffer.concat(chunks);
        if ((res.statusCode ?? 0) < 400) resolve(answer);
        else reject(new Error(`${method} ${path}: ${res.statusCode} ${answer.toString().trim()}`));
      });
    });
    req.setTimeout(30_000, () => req.destroy(new Error(`${method} ${path}: no answer`)));
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
