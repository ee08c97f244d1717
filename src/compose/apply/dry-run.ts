import type { Client } from '../../client/index.ts';
import { ApiError } from '../../client/index.ts';
import type { ContainerInspect } from '../../core/wire/container.ts';
import type { ImageInspect } from '../../core/wire/resources.ts';

/**
 * A client that reads what the engine has and changes nothing: what would be made is said to be there, what would be
 * started to run and to be healthy.
 */
export function dryRun(client: Client): Client {
  let count = 0;
  const done = async (): Promise<void> => {};
  const nothing = async function* (): AsyncGenerator<never> {};
  const id = (): string => `dryrun${String(++count).padStart(58, '0')}`;
  return {
    ...client,
    containers: {
      ...client.containers,
      create: async () => ({ Id: id(), Warnings: [] }),
      start: done,
      stop: done,
      kill: done,
      restart: done,
      pause: done,
      unpause: done,
      rename: done,
      remove: done,
      archivePut: done,
      inspect: (container, options) =>
        client.containers.inspect(container, options).then(pretendRunning, (e: unknown) => {
          if (e instanceof ApiError && e.status === 404) return pretendRunning({} as ContainerInspect);
          throw e;
        }),
    },
    execs: {
      ...client.execs,
      create: async () => ({ Id: id() }),
      start: async () => null,
      inspect: async () => ({ ExitCode: 0, Running: false }) as Awaited<ReturnType<Client['execs']['inspect']>>,
    },
    images: {
      ...client.images,
      pull: nothing,
      push: nothing,
      build: nothing,
      tag: done,
      remove: async () => [],
      inspect: (name) =>
        client.images.inspect(name).catch((e: unknown) => {
          if (e instanceof ApiError && e.status === 404) return { Id: `sha256:${'0'.repeat(64)}` } as ImageInspect;
          throw e;
        }),
    },
    networks: {
      ...client.networks,
      create: async () => ({ Id: id(), Warning: '' }),
      remove: done,
      connect: done,
      disconnect: done,
    },
    volumes: {
      ...client.volumes,
      create: async (request) => ({ Name: request.Name ?? '' }) as Awaited<ReturnType<Client['volumes']['create']>>,
      remove: done,
    },
  };
}

function pretendRunning(container: ContainerInspect): ContainerInspect {
  return {
    ...container,
    State: {
      ...container.State,
      Status: 'running',
      Running: true,
      ExitCode: 0,
      Health: { Status: 'healthy', FailingStreak: 0, Log: [] },
    },
  };
}
