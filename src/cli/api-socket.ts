import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { ContainerCreateRequest } from '../core/wire/container.ts';
import type { CommandContext } from './command.ts';
import { allAuths } from './registry-auth.ts';

const FOLDER = 'run/secrets/docker';

/**
 * `--use-api-socket`: the engine's socket as a container's, and the credentials of its registries for clients in there.
 * @returns what to create, and what to do once it is created
 * @throws {Error} if the engine is not on a socket
 */
export async function withApiSocket(
  request: ContainerCreateRequest,
  { client, env }: CommandContext,
): Promise<{ readonly request: ContainerCreateRequest; readonly created: (id: string) => Promise<void> }> {
  const { host } = client;
  if (!host.startsWith('unix://')) {
    throw new Error(`flag --use-api-socket can only be used with unix sockets: docker endpoint ${host} incompatible`);
  }
  const source = host.slice('unix://'.length);
  const auths = await allAuths(env);
  const credentials = Object.keys(auths).length > 0;
  const { HostConfig = {}, Env } = request;
  const mounts = [
    ...(HostConfig.Mounts ?? []),
    { Type: 'bind', Source: source, Target: '/var/run/docker.sock' } as const,
  ];
  return {
    request: {
      ...request,
      ...(credentials ? { Env: [...(Env ?? []), `DOCKER_CONFIG=/${FOLDER}`] } : {}),
      HostConfig: { ...HostConfig, Mounts: mounts },
    },
    created: async (id) => {
      if (credentials) await client.containers.archivePut(id, '/', configArchive(auths));
    },
  };
}

/** A tar of a `config.json` that only root may read. */
function configArchive(auths: Awaited<ReturnType<typeof allAuths>>): Readable {
  const entries = Object.entries(auths).map(([key, { username, password, identitytoken }]) => [
    key,
    identitytoken ? { identitytoken } : { auth: Buffer.from(`${username}:${password}`).toString('base64') },
  ]);
  const tar = pack();
  tar.entry({ name: `${FOLDER}/`, type: 'directory', mode: 0o700 });
  tar.entry({ name: `${FOLDER}/config.json`, mode: 0o600 }, JSON.stringify({ auths: Object.fromEntries(entries) }));
  tar.finalize();
  return Readable.from(tar);
}
