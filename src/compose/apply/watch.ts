import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Client } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import type { ContainerSummary } from '../../core/wire/container.ts';
import { composeFailed } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { WatchTrigger } from '../model/service.ts';
import type { Progress } from '../output/progress.ts';
import { allOrFirst } from './all-or-first.ts';
import { buildServices } from './build.ts';
import { runHooks } from './hooks.ts';
import { serviceContainers } from './observe.ts';
import { up } from './up.ts';
import type { Matcher } from './watch-files.ts';
import { changes, entryAt, matcherOf, pathsBelow } from './watch-files.ts';

export interface WatchRequest {
  readonly client: Client;
  readonly project: Project;
  /** Services to watch; only those with a `develop` section count. */
  readonly services: readonly string[];
  readonly quiet: boolean;
  /** Old images of the project are removed after a rebuild. */
  readonly prune: boolean;
  readonly say: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly progress: () => Progress;
  readonly signal: AbortSignal;
}

interface Watched {
  readonly service: string;
  readonly trigger: WatchTrigger;
  readonly wants: Matcher;
}

/**
 * Carries changes of files into running containers, or rebuilds and restarts, until aborted. A failure is told, and the
 * watch goes on.
 * @throws {WharfError} `COMPOSE_FAILED` if there is nothing to watch
 */
export async function watchProject(request: WatchRequest): Promise<void> {
  const { project, signal, say } = request;
  const watched: Watched[] = [];
  for (const service of request.services) {
    const definition = project.services[service];
    for (const trigger of definition?.develop?.watch ?? []) {
      const mounted = definition?.volumes?.find((v) => v.type === 'bind' && isBelow(trigger.path, v.source ?? '/'));
      if (trigger.action.startsWith('sync') && mounted) {
        request.warn(`path '${trigger.path}' also declared by a bind mount volume, this path won't be monitored!`);
        continue;
      }
      watched.push({ service, trigger, wants: await matcherOf(trigger, definition?.build?.context) });
    }
  }
  if (watched.length === 0)
    throw composeFailed({
      message: "none of the selected services is configured for watch, consider setting a 'develop' section",
    });
  for (const one of watched)
    if (one.trigger.initial_sync && one.trigger.action.startsWith('sync')) await syncAll(request, one);
  say('Watch enabled');
  const paths = [...new Set(watched.map((w) => w.trigger.path))];
  for await (const changed of changes(paths, signal)) {
    try {
      await react(request, watched, [...changed].sort());
    } catch (e) {
      if (signal.aborted) break;
      request.warn(`Error handling changed files: ${messageOf(e)}`);
    }
  }
  say('Watch disabled');
}

async function react(request: WatchRequest, watched: readonly Watched[], changed: readonly string[]): Promise<void> {
  const hits = watched.map((w) => ({ ...w, paths: changed.filter(w.wants) })).filter((w) => w.paths.length > 0);
  const rebuild = new Set(hits.filter((h) => h.trigger.action === 'rebuild').map((h) => h.service));
  const restart = new Set<string>();
  for (const { service, trigger, paths } of hits) {
    // What is built anew has the files in it.
    if (rebuild.has(service)) continue;
    if (trigger.action !== 'restart') await sync(request, service, trigger, paths);
    if (trigger.action.endsWith('restart')) restart.add(service);
    if (trigger.exec)
      for (const c of await running(request, service)) await runHooks(request.client, c.Id, service, [trigger.exec]);
  }
  if (rebuild.size > 0) await rebuildServices(request, [...rebuild]);
  if (restart.size > 0) {
    const containers = (await Promise.all([...restart].map((s) => running(request, s)))).flat();
    await allOrFirst(containers.map((c) => request.client.containers.restart(c.Id)));
    request.say(`service(s) ${JSON.stringify([...restart])} restarted`);
  }
}

async function rebuildServices(request: WatchRequest, services: readonly string[]): Promise<void> {
  const { client, project, say, signal } = request;
  const names = JSON.stringify(services);
  say(`Rebuilding service(s) ${names} after changes were detected...`);
  using progress = request.progress();
  await buildServices(
    client,
    project,
    services,
    { quiet: request.quiet },
    (text) => progress.write(text),
    progress,
    signal,
  );
  say(`service(s) ${names} successfully built`);
  await up(
    client,
    project,
    { services: new Set(services), named: new Set(services), forceRecreate: true, ignoreOrphans: true },
    progress,
    request.warn,
    signal,
  );
  if (request.prune)
    await client.images.prune({ dangling: ['true'], label: [`com.docker.compose.project=${project.name}`] });
}

async function running(request: WatchRequest, service: string): Promise<ContainerSummary[]> {
  const all = await serviceContainers(request.client, request.project.name, [service]);
  return all.filter((c) => c.State === 'running');
}

async function syncAll(request: WatchRequest, { service, trigger, wants }: Watched): Promise<void> {
  await sync(request, service, trigger, await pathsBelow(trigger.path, wants));
}

/** Puts what is there into all containers of a service, and removes from them what is not there any more. */
async function sync(
  request: WatchRequest,
  service: string,
  trigger: WatchTrigger,
  paths: readonly string[],
): Promise<void> {
  if (paths.length === 0) return;
  const containers = await running(request, service);
  const inside = (path: string): string => posix.join(trigger.target ?? '/', posix.relative(trigger.path, path));
  const gone: string[] = [];
  const tar = pack();
  for (const path of paths) {
    const entry = await entryAt(path);
    const name = inside(path).replace(/^\//, '');
    if (!entry) gone.push(inside(path));
    else if (entry.kind === 'directory')
      tar.entry({ name: `${name}/`, type: 'directory', mode: entry.mode, mtime: entry.mtime });
    else if (entry.kind === 'symlink') tar.entry({ name, type: 'symlink', linkname: entry.link, mtime: entry.mtime });
    else tar.entry({ name, mode: entry.mode, mtime: entry.mtime }, entry.content);
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  request.say(`Syncing service "${service}" after ${paths.length} changes were detected`);
  await allOrFirst(
    containers.map(async (c) => {
      if (gone.length > 0)
        await runHooks(request.client, c.Id, service, [{ command: ['rm', '-rf', ...gone], user: 'root' }]);
      if (gone.length < paths.length) await request.client.containers.archivePut(c.Id, '/', Readable.from([whole]));
    }),
  );
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
