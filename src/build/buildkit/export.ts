import { messageOf } from '../../core/errors.ts';
import type { Descriptor } from '../../core/oci.ts';
import type { Logger } from '../../core/log.ts';
import { canonical, familiarName, type Reference } from '../../core/reference.ts';
import type { Engine } from '../../engine/index.ts';
import { archiveOptions } from '../archive.ts';
import type { Builder } from '../contract.ts';
import { imageNames } from '../image-blobs.ts';
import { checkPush, type PushClient } from '../push.ts';
import { openSourceView } from '../solve/source-view.ts';
import { CODE, RpcError } from './grpc/status.ts';
import type { Job } from './job.ts';
import { askCredentials } from './session/ask.ts';
import { sendBytes, sendTree } from './session/file-send.ts';
import type { Session, Sessions } from './session/sessions.ts';
import type { Exporter } from './wire/messages.ts';

const IMAGE_EXPORTERS = ['moby', 'image'];
const ARCHIVES = ['oci', 'docker'];

interface ExportParts {
  readonly engine: Engine;
  readonly builder: Pick<Builder, 'files' | 'archive' | 'push'>;
  readonly sessions: Sessions;
}

/** Whether the result stays in the engine as an image. */
export function exportsImage({ exporters }: Pick<Job, 'exporters'>): boolean {
  return exporters.some(({ type }) => IMAGE_EXPORTERS.includes(type));
}

/** @throws {RpcError} if an output is not supported, before anything is built */
export function checkExporters(exporters: readonly Exporter[]): void {
  for (const { type, attrs } of exporters) {
    if (ARCHIVES.includes(type)) archiveOptions(type, attrs);
    else if (!IMAGE_EXPORTERS.includes(type) && type !== 'local' && type !== 'tar') {
      const use = 'image, docker, oci, local or tar';
      throw new RpcError(CODE.unimplemented, `output of type ${type} is not supported: use ${use}`);
    }
    if (attrs['push'] === 'true') checkPush(attrs);
  }
}

/**
 * Refuses what several platforms cannot be put into.
 * @throws {RpcError} in the words of clients whose engine has one platform a name
 */
export function checkSeveral(exporters: readonly Exporter[]): void {
  for (const { type, attrs } of exporters) {
    if (type === 'oci' || type === 'docker' || attrs['push'] === 'true') continue;
    const how = 'use -o type=oci,dest=FILE or --push, or build one platform at a time';
    const what = IMAGE_EXPORTERS.includes(type) ? 'images of the engine' : `an output of type ${type}`;
    throw new RpcError(CODE.unimplemented, `Multi-platform build is not supported for ${what}: ${how}`);
  }
}

/**
 * Brings a result, of one platform or of several, to where the client wants it. Resolves to what the client is told about it.
 * @throws {RpcError}
 */
export async function exportResult(job: Job, images: readonly string[], parts: ExportParts, signal: AbortSignal) {
  const response: Record<string, string> = {};
  const [image = '', ...more] = images;
  job.isSeveral = more.length > 0;
  for (const [number, exporter] of job.exporters.entries()) {
    const session = await parts.sessions.get(job.session, signal);
    if (IMAGE_EXPORTERS.includes(exporter.type)) {
      if (more.length === 0) Object.assign(response, await nameImage(job, image, exporter, parts.engine));
      if (exporter.attrs['push'] === 'true')
        Object.assign(response, await pushResult(job, images, exporter, session, parts.builder, signal));
    } else if (ARCHIVES.includes(exporter.type)) {
      Object.assign(response, await exportArchive(job, images, number, session, parts.builder, signal));
    } else if (exporter.type === 'local') await exportDirectory(job, image, number, session, parts.engine, signal);
    else await exportTar(job, image, number, session, parts.builder, signal);
  }
  return response;
}

function nameImage(job: Job, image: string, { attrs }: Exporter, engine: Engine): Promise<Record<string, string>> {
  const references = imageNames(attrs);
  return job.progress.during('exporting to image', async (vertex) => {
    vertex.status('exporting layers', { done: true });
    vertex.status(`writing image ${image}`, { done: true });
    for (const ref of references) {
      if (ref.tag === undefined) throw new RpcError(CODE.invalidArgument, `${canonical(ref)} is no name for an image`);
      await engine.images.tag(image, familiarName(ref), ref.tag);
      vertex.status(`naming to ${canonical(ref)}`, { done: true });
    }
    return {
      'containerimage.config.digest': image,
      'containerimage.digest': image,
      ...namesIn(references),
    };
  });
}

function namesIn(references: readonly Reference[]): Record<string, string> {
  return references.length > 0 ? { 'image.name': references.map(canonical).join(',') } : {};
}

/** `--push`: to the registries that its names are of, with what the client logs in with. */
async function pushResult(
  job: Job,
  images: readonly string[],
  { attrs }: Exporter,
  session: Session,
  builder: Pick<Builder, 'push'>,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const client: PushClient = {
    credentials: (registry) => askCredentials(session, registry, signal),
    during: (title, work) =>
      job.progress.during(title, (vertex) =>
        work(({ id, status, progressDetail }) => {
          if (id === undefined || status === undefined) return;
          const { current = 0, total = 0 } = progressDetail ?? {};
          const done = /pushed|exists|mounted/i.test(status);
          const what = status.startsWith('writing') ? status : `layer ${id}`;
          vertex.status(what, { current, total, done: done || what === status });
        }),
      ),
  };
  const root = await builder.push(images, attrs, client, signal);
  if (root === undefined) return {};
  return { ...described(root), ...namesIn(imageNames(attrs)) };
}

function described(root: Descriptor): Record<string, string> {
  const descriptor = Buffer.from(JSON.stringify(root)).toString('base64');
  return { 'containerimage.digest': root.digest, 'containerimage.descriptor': descriptor };
}

function exportArchive(
  job: Job,
  images: readonly string[],
  number: number,
  session: Session,
  builder: Pick<Builder, 'archive'>,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { type, attrs } = job.exporters[number] ?? { type: '', attrs: {} };
  const title = type === 'oci' ? 'exporting to oci image format' : 'exporting to docker image format';
  return job.progress.during(title, async (vertex) => {
    vertex.status('exporting layers', {});
    const { tar, root } = await builder.archive(images, type, attrs, signal);
    vertex.status('exporting layers', { done: true });
    vertex.status(`exporting manifest ${root.digest}`, { done: true });
    try {
      await sendBytes(session, number, tar, signal, () => undefined);
    } finally {
      tar.destroy();
    }
    vertex.status('sending tarball', { done: true });
    return {
      ...(images.length === 1 ? { 'containerimage.config.digest': images[0] ?? '' } : {}),
      ...described(root),
      ...(attrs['name'] === undefined ? {} : { 'image.name': attrs['name'] }),
    };
  });
}

function exportDirectory(
  job: Job,
  image: string,
  number: number,
  session: Session,
  engine: Engine,
  signal: AbortSignal,
): Promise<void> {
  return job.progress.during('exporting to client directory', async (vertex) => {
    const top = engine.images.get(image).chain.at(-1) ?? null;
    await using view = await openSourceView(engine.parts.storage, top);
    let current = 0;
    await sendTree(session, number, view.root, signal, (bytes) => (current = bytes));
    vertex.status('copying files', { current, done: true });
  });
}

function exportTar(
  job: Job,
  image: string,
  number: number,
  session: Session,
  builder: Pick<Builder, 'files'>,
  signal: AbortSignal,
): Promise<void> {
  return job.progress.during('exporting to client tarball', async (vertex) => {
    const tar = await builder.files(image, signal);
    try {
      await sendBytes(session, number, tar, signal, () => undefined);
    } finally {
      tar.destroy();
    }
    vertex.status('sending tarball', { done: true });
  });
}

/** A result that no exporter gave to the engine goes, unless it has a name or a container. */
export async function dropResults(job: Job, { engine, log }: { readonly engine: Engine; readonly log: Logger }) {
  if (exportsImage(job) && !job.isSeveral) return;
  const { images } = engine;
  for (const image of new Set(job.results.values())) {
    try {
      const { RepoTags } = await images.inspect(image);
      if (RepoTags.length === 0) await images.remove(image, { force: false, noPrune: true });
    } catch (e) {
      log.debug('the image of a build that exports none stays', { image, error: messageOf(e) });
    }
  }
}
