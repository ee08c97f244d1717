import type { Client } from '../../client/index.ts';
import { ApiError } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import { parseReference, withDefaultTag, familiarName, invalidReference } from '../../core/reference.ts';
import { composeFailed } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Service } from '../model/service.ts';
import type { Progress } from '../output/progress.ts';
import type { ImageFacts } from '../plan/container-wish.ts';
import { imageName } from '../plan/names.ts';
import { buildServices } from './build.ts';
import { allOrFirst } from './all-or-first.ts';
import { humanSize } from '../../core/human.ts';
import { failOn } from './fail-on.ts';

export interface ImageOptions {
  readonly build?: boolean;
  readonly noBuild?: boolean;
  /** `always`, `missing`, `never`; else each service's own policy counts. */
  readonly pull?: string | undefined;
  readonly quietPull?: boolean;
  readonly quietBuild?: boolean;
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
  const looks = new Map<string, Promise<ImageFacts | undefined>>();
  const look = (image: string): Promise<ImageFacts | undefined> => {
    let found = looks.get(image);
    if (!found) looks.set(image, (found = localImage(client, image)));
    return found;
  };
  const toBuild: string[] = [];
  await allOrFirst(
    services.map(async (name) => {
      const service = definitionOf(project, name);
      const image = imageName(project, name, service);
      const policy =
        options.pull !== undefined && options.pull !== 'policy' ? options.pull : (service.pull_policy ?? 'missing');
      if (service.build && (options.build || (policy === 'build' && !options.noBuild))) {
        toBuild.push(name);
        return;
      }
      const there = await look(image);
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
  await buildServices(
    client,
    project,
    toBuild.sort(),
    { quiet: options.quietBuild ?? false },
    (text) => progress.write(text),
    progress,
    signal,
  );
  const byImage = new Map<string, Promise<ImageFacts | undefined>>();
  const facts = new Map<string, ImageFacts>();
  for (const name of services) {
    const image = imageName(project, name, definitionOf(project, name));
    if (!byImage.has(image)) byImage.set(image, localImage(client, image));
  }
  for (const name of services) {
    const image = imageName(project, name, definitionOf(project, name));
    const found = await byImage.get(image);
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
    const layers = new Map<string, { readonly current: number; readonly total: number }>();
    for await (const message of answer) {
      failOn(message);
      const { current, total } = message.progressDetail ?? {};
      if (quiet || message.id === undefined || total === undefined || message.status !== 'Downloading') continue;
      layers.set(message.id, { current: current ?? 0, total });
      const sum = (key: 'current' | 'total'): number => [...layers.values()].reduce((n, l) => n + l[key], 0);
      progress.detail(name, `${humanSize(sum('current'))} / ${humanSize(sum('total'))}`);
    }
    progress.event(name, 'Pulled');
  } catch (e) {
    const text = invalidReference.is(e) ? `${image}: ${e.message}` : messageOf(e);
    progress.event(name, mayFail ? 'Warning' : 'Error', { state: mayFail ? 'warning' : 'error', details: text });
    throw e;
  }
}

function definitionOf(project: Project, name: string): Service {
  const service = project.services[name];
  if (!service) throw new Error(`no service ${name}`);
  return service;
}
