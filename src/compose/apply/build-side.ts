import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Pack } from 'tar-stream';
import { pack } from 'tar-stream';
import type { ContextSide } from '../../client/index.ts';
import { errnoOf } from '../../core/errors.ts';
import { composeFailed, composeInputMissing } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Build, FileReference } from '../model/service.ts';
import { imageName } from '../plan/names.ts';

/** The folder in the context's tar that is no part of the context. */
const SIDE = '.wharf-compose-side';

/** What a build gets beside its context: secrets, further contexts, SSH agents. */
interface SideInputs {
  readonly sent: ContextSide;
  readonly extras: Readonly<Record<string, unknown>>;
}

/**
 * Collects them; `undefined` if there are none. They go in the same request, in a folder that Wharf's engine takes out.
 * @throws {WharfError} `COMPOSE_INPUT_MISSING`, `COMPOSE_FAILED`
 */
export async function sideInputs(project: Project, name: string, build: Build): Promise<SideInputs | undefined> {
  const secrets = build.secrets ?? [];
  const contexts = Object.entries(build.additional_contexts ?? {});
  const ssh = build.ssh ?? [];
  const stages = build.no_cache_filter ?? [];
  const allow = build.entitlements ?? [];
  if (secrets.length + contexts.length + ssh.length + stages.length + allow.length === 0) return undefined;
  const tar = pack();
  const bytes = collect(tar);
  for (const reference of secrets)
    tar.entry(
      { name: `${SIDE}/secrets/${reference.target ?? reference.source}`, mode: 0o600 },
      await secretOf(project, name, reference),
    );
  const named: Record<string, string> = {};
  for (const [key, at] of contexts) {
    if (at.startsWith('docker-image://')) named[key] = at;
    else if (at.startsWith('service:')) {
      const service = at.slice('service:'.length);
      named[key] = `docker-image://${imageName(project, service, project.services[service] ?? {})}`;
    } else if (at.startsWith('/')) {
      named[key] = `side:${key}`;
      await addFolder(tar, at, `${SIDE}/contexts/${key}`);
    } else throw composeFailed({ message: `service "${name}": the additional context ${key}=${at} is not supported` });
  }
  tar.finalize();
  const whole = await bytes;
  return {
    sent: { name: SIDE, directories: {}, beforeTar: () => [whole.subarray(0, whole.length - 1024)] },
    extras: { namedContexts: named, sshSockets: sockets(name, ssh), noCacheStages: stages, allow },
  };
}

async function collect(tar: Pack): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function secretOf(project: Project, service: string, { source }: FileReference): Promise<Buffer> {
  const secret = project.secrets[source];
  if (secret?.file !== undefined) {
    try {
      return await readFile(secret.file);
    } catch (e) {
      throw composeInputMissing(
        {
          message: `service "${service}": the build secret "${source}" cannot be read: ${secret.file}: ${errnoOf(e) ?? 'error'}`,
        },
        { cause: e },
      );
    }
  }
  const value = project.environment[secret?.environment ?? ''];
  if (value === undefined)
    throw composeInputMissing({
      message: `environment variable "${secret?.environment ?? ''}" required by build secret "${source}" is not set`,
    });
  return Buffer.from(value);
}

function sockets(service: string, ssh: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    ssh.map((entry) => {
      const [id = 'default', at = process.env['SSH_AUTH_SOCK']] = entry.split('=');
      if (at === undefined)
        throw composeInputMissing(
          { message: `service "${service}": build.ssh wants an SSH agent, but SSH_AUTH_SOCK is not set` },
          { hint: 'start one: eval "$(ssh-agent)"; ssh-add' },
        );
      return [id, at];
    }),
  );
}

/** Adds a folder's files; special files are left out. */
async function addFolder(tar: Pack, from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true }).catch((cause: unknown) => {
    throw composeInputMissing({ message: `the additional context ${from} cannot be read` }, { cause });
  });
  tar.entry({ name: `${to}/`, type: 'directory', mode: 0o755 });
  for (const entry of entries) {
    const path = posix.join(from, entry.name);
    const name = `${to}/${entry.name}`;
    const { mode, mtime } = await lstat(path);
    if (entry.isDirectory()) await addFolder(tar, path, name);
    else if (entry.isSymbolicLink()) tar.entry({ name, type: 'symlink', linkname: await readlink(path), mtime });
    else if (entry.isFile()) tar.entry({ name, mode: mode & 0o7777, mtime }, await readFile(path));
  }
}
