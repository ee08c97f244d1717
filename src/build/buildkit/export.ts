import { messageOf } from '../../core/errors.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Logger } from '../../core/log.ts';
import { canonical, familiarName, parseReference, withDefaultTag } from '../../core/reference.ts';
import type { Engine } from '../../engine/index.ts';
import { archiveOptions } from '../archive.ts';
import type { Builder } from '../contract.ts';
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
  readonly builder: Pick<Builder, 'files' | 'archive'>;
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
    if (attrs['push'] === 'true' && attrs['push-by-digest'] === 'true') {
      throw new RpcError(CODE.unimplemented, 'push-by-digest is not supported');
    }
  }
}

/** Brings a result to where the client wants it. Resolves to what the client is told about it. @throws {RpcError} */
export async function exportResult(job: Job, image: string, parts: ExportParts, signal: AbortSignal) {
  const response: Record<string, string> = {};
  for (const [number, exporter] of job.exporters.entries()) {
    const session = await parts.sessions.get(job.session, signal);
    if (IMAGE_EXPORTERS.includes(exporter.type)) {
      Object.assign(response, await nameImage(job, image, exporter, parts.engine));
      if (exporter.attrs['push'] === 'true') await pushImage(job, exporter, session, parts.engine, signal);
    } else if (ARCHIVES.includes(exporter.type)) {
      Object.assign(response, await exportArchive(job, image, number, session, parts.builder, signal));
    } else if (exporter.type === 'local') await exportDirectory(job, image, number, session, parts.engine, signal);
    else await exportTar(job, image, number, session, parts.builder, signal);
  }
  return response;
}

function nameImage(job: Job, image: string, { attrs }: Exporter, engine: Engine): Promise<Record<string, string>> {
  const names = (attrs['name'] ?? '').split(',').filter((name) => name !== '');
  return job.progress.during('exporting to image', async (vertex) => {
    const references = names.map((name) => withDefaultTag(parseReference(name)));
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
      ...(references.length > 0 ? { 'image.name': references.map(canonical).join(',') } : {}),
    };
  });
}

/** `--push`: to the registries that its names are of, with what the client logs in with. */
async function pushImage(job: Job, { attrs }: Exporter, session: Session, engine: Engine, signal: AbortSignal) {
  for (const name of (attrs['name'] ?? '').split(',').filter((n) => n !== '')) {
    const reference = withDefaultTag(parseReference(name));
    await job.progress.during(`pushing ${canonical(reference)}`, async (vertex) => {
      const auth = await askCredentials(session, reference.registry, signal);
      const tell = ({ id, status, progressDetail }: ProgressMessage): void => {
        if (id === undefined || status === undefined) return;
        const { current = 0, total = 0 } = progressDetail ?? {};
        vertex.status(`layer ${id}`, { current, total, done: /pushed|exists|mounted/i.test(status) });
      };
      const options = { tag: reference.tag ?? 'latest', auth };
      await engine.images.push(familiarName(reference), options, tell, signal);
    });
  }
}

function exportArchive(
  job: Job,
  image: string,
  number: number,
  session: Session,
  builder: Pick<Builder, 'archive'>,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { type, attrs } = job.exporters[number] ?? { type: '', attrs: {} };
  const title = type === 'oci' ? 'exporting to oci image format' : 'exporting to docker image format';
  return job.progress.during(title, async (vertex) => {
    vertex.status('exporting layers', {});
    const { tar, root } = await builder.archive([image], type, attrs, signal);
    vertex.status('exporting layers', { done: true });
    vertex.status(`exporting manifest ${root.digest}`, { done: true });
    try {
      await sendBytes(session, number, tar, signal, () => undefined);
    } finally {
      tar.destroy();
    }
    vertex.status('sending tarball', { done: true });
    return {
      'containerimage.config.digest': image,
      'containerimage.digest': root.digest,
      'containerimage.descriptor': Buffer.from(JSON.stringify(root)).toString('base64'),
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
  if (exportsImage(job)) return;
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
