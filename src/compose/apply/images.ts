import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { posix } from 'node:path';
import type { Client } from '../../client/index.ts';
import { ApiError, packContext } from '../../client/index.ts';
import type { BuildQuery } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import { parseReference, withDefaultTag, familiarName, invalidReference } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import { VERSION } from '../../core/version.ts';
import { composeFailed, composeInputMissing } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import type { Progress } from '../output/progress.ts';
import type { ImageFacts } from '../plan/create-request.ts';
import { LABEL } from '../plan/labels.ts';
import { imageName } from '../plan/names.ts';

export interface ImageOptions {
  readonly build?: boolean;
  readonly noBuild?: boolean;
  /** `always`, `missing`, `never`; else each service's own policy counts. */
  readonly pull?: string | undefined;
  readonly quietPull?: boolean;
}

export interface BuildOptions {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly args?: Readonly<Record<string, string | null>>;
}

/** Facts of an image the engine has; `undefined` if it has none of that name. */
export async function localImage(client: Client, name: string): Promise<ImageFacts | undefined> {
  try {
    const image = await client.images.inspect(name);
    return { id: image.Id, volumes: Object.keys(image.Config?.Volumes ?? {}) };
  } catch (e) {
    if (e instanceof ApiError && e.status === 404) return undefined;
    throw e;
  }
}

/**
 * Sees to it that every service's image is there: pulled or built as policy and options say.
 * @returns facts of the image by service
 */
export async function ensureImages(
  client: Client,
  project: Project,
  services: readonly string[],
  options: ImageOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Map<string, ImageFacts>> {
  const pulls = new Map<string, Promise<void>>();
  const toBuild: string[] = [];
  await allOrFirst(
    services.map(async (name) => {
      const service = definitionOf(project, name);
      const image = imageName(project.name, name, service);
      const policy =
        options.pull !== undefined && options.pull !== 'policy' ? options.pull : (service.pull_policy ?? 'missing');
      if (service.build && (options.build || (policy === 'build' && !options.noBuild))) {
        toBuild.push(name);
        return;
      }
      const there = await localImage(client, image);
      if (there && policy !== 'always') return;
      if (service.build && (service.image === undefined || policy === 'never')) {
        if (there) return;
        if (options.noBuild)
          throw composeFailed({ message: `no such image: ${image}; it has to be built, which --no-build forbids` });
        toBuild.push(name);
        return;
      }
      if (policy === 'never') throw composeFailed({ message: `No such image: ${image}` });
      const key = `${image} ${service.platform ?? ''}`;
      let pull = pulls.get(key);
      if (!pull) {
        pull = pullImage(
          client,
          name,
          image,
          service,
          progress,
          signal,
          options.quietPull ?? false,
          service.build !== undefined,
        );
        pulls.set(key, pull);
      }
      try {
        await pull;
      } catch (e) {
        if (there) return;
        if (!service.build || options.noBuild) throw e;
        toBuild.push(name);
      }
    }),
  );
  await buildServices(client, project, toBuild.sort(), {}, (text) => progress.write(text), progress, signal);
  const facts = new Map<string, ImageFacts>();
  for (const name of services) {
    const image = imageName(project.name, name, definitionOf(project, name));
    const found = await localImage(client, image);
    if (!found) throw composeFailed({ message: `No such image: ${image}` });
    facts.set(name, found);
  }
  return facts;
}

/** Pulls one service's image, with progress under the service's name. @throws {WharfError} `COMPOSE_FAILED`, {ApiError} */
export async function pullImage(
  client: Client,
  name: string,
  image: string,
  service: Service,
  progress: Progress,
  signal: AbortSignal,
  quiet: boolean,
  mayFail = false,
): Promise<void> {
  progress.event(name, 'Pulling');
  try {
    const reference = withDefaultTag(parseReference(image));
    const tag = reference.digest ?? reference.tag;
    const answer = client.images.pull(familiarName(reference), {
      ...(tag === undefined ? {} : { tag }),
      ...(service.platform === undefined ? {} : { platform: service.platform }),
      signal,
    });
    for await (const message of answer) {
      failOn(message);
      if (!quiet && message.status !== undefined && message.id === undefined) continue;
    }
    progress.event(name, 'Pulled');
  } catch (e) {
    const text = invalidReference.is(e) ? `${image}: ${e.message}` : messageOf(e);
    progress.event(name, mayFail ? 'Warning' : 'Error', { state: mayFail ? 'warning' : 'error', details: text });
    throw e;
  }
}

/**
 * Builds services one after another (their output would mix otherwise).
 * @param write takes the build's output
 */
export async function buildServices(
  client: Client,
  project: Project,
  names: readonly string[],
  options: BuildOptions,
  write: (text: string) => void,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    const service = definitionOf(project, name);
    await progress.during(name, 'Building', 'Built', () =>
      buildService(client, project, name, service, options, write, signal),
    );
  }
}

async function buildService(
  client: Client,
  project: Project,
  name: string,
  service: Service,
  options: BuildOptions,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const build = service.build;
  if (!build) return;
  const context = build.context ?? project.workingDirectory;
  if (!context.startsWith('/')) {
    throw composeFailed({ message: `service "${name}": building from the remote context ${context} is not supported` });
  }
  await using undo = new AsyncDisposableStack();
  let dockerfile = posix.resolve(context, build.dockerfile ?? 'Dockerfile');
  if (build.dockerfile_inline !== undefined) {
    const directory = await mkdtemp(posix.join(tmpdir(), 'wharf-compose-'));
    undo.defer(() => rm(directory, { recursive: true, force: true }));
    dockerfile = posix.join(directory, 'Dockerfile');
    await writeFile(dockerfile, build.dockerfile_inline);
  }
  const packed = await packContext({ directory: context, dockerfile }).catch((e: unknown) => {
    throw composeInputMissing({ message: `service "${name}": ${messageOf(e)}` }, { cause: e });
  });
  undo.defer(() => void packed.tar.destroy());
  const platform = service.platform ?? (build.platforms?.length === 1 ? build.platforms[0] : undefined);
  const query: BuildQuery = {
    tags: [imageName(project.name, name, service), ...(build.tags ?? [])],
    dockerfile: packed.dockerfile,
    buildArgs: Object.fromEntries(Object.entries({ ...build.args, ...options.args }).filter(([, v]) => v !== null)),
    labels: {
      ...build.labels,
      [LABEL.project]: project.name,
      [LABEL.service]: name,
      [LABEL.version]: VERSION,
      [LABEL.builder]: 'classic',
    },
    noCache: options.noCache ?? build.no_cache ?? false,
    pull: options.pull ?? build.pull ?? false,
    cacheFrom: build.cache_from ?? [],
    extraHosts: (build.extra_hosts ?? []).map((h) => h.replace('=', ':')),
    removeIntermediate: true,
    signal,
    ...(build.target === undefined ? {} : { target: build.target }),
    ...(build.network === undefined ? {} : { networkMode: build.network }),
    ...(build.shm_size === undefined ? {} : { shmSizeBytes: build.shm_size }),
    ...(platform === undefined ? {} : { platform }),
  };
  for await (const message of client.images.build(packed.tar, query)) {
    failOn(message, `service "${name}": `);
    if (!options.quiet && message.stream !== undefined) write(message.stream);
  }
}

/** @throws {WharfError} `COMPOSE_FAILED` when the stream reports a failure */
export function failOn(message: ProgressMessage, before = ''): void {
  const text = message.errorDetail?.message ?? message.error;
  if (text !== undefined) throw composeFailed({ message: `${before}${text}` });
}

function definitionOf(project: Project, name: string): Service {
  const service = project.services[name];
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

/** All must succeed; all are waited for, so that nothing goes on behind an error. */
export async function allOrFirst(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
