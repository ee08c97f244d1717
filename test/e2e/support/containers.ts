import type { HostConfig } from '../../../src/core/wire/container.ts';
import type { TestDaemon } from './daemon.ts';
import { api } from './http.ts';

/** Creates and starts a container of busybox; its ID. */
export async function startContainer(
  daemon: TestDaemon,
  command: readonly string[],
  host: HostConfig = {},
  more: object = {},
): Promise<string> {
  const body = { Image: 'busybox', Cmd: command, Tty: true, HostConfig: host, ...more };
  const name = 'Name' in more ? `?name=${String(more.Name)}` : '';
  const { Id } = (await api(daemon.socket, 'POST', `/containers/create${name}`, body)) as { Id: string };
  try {
    await api(daemon.socket, 'POST', `/containers/${Id}/start`);
  } catch (error) {
    await api(daemon.socket, 'DELETE', `/containers/${Id}`);
    throw error;
  }
  return Id;
}

/** Runs a command in a container of busybox to its end and removes it; its output, trimmed. */
export async function runToEnd(
  daemon: TestDaemon,
  command: readonly string[],
  host: HostConfig = {},
  more: object = {},
): Promise<string> {
  const id = await startContainer(daemon, command, host, more);
  await api(daemon.socket, 'POST', `/containers/${id}/wait`);
  const output = await api(daemon.socket, 'GET', `/containers/${id}/logs?stdout=1&stderr=1`);
  await api(daemon.socket, 'DELETE', `/containers/${id}?v=1`);
  return String(output).replaceAll('\r', '').trim();
}

/** Runs a command in a running container; its output, trimmed. */
export async function execIn(daemon: TestDaemon, id: string, command: readonly string[]): Promise<string> {
  const body = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
  const { Id } = (await api(daemon.socket, 'POST', `/containers/${id}/exec`, body)) as { Id: string };
  const output = await api(daemon.socket, 'POST', `/exec/${Id}/start`, { Tty: true });
  return String(output).replaceAll('\r', '').trim();
}
