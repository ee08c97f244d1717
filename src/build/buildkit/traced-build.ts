import { once } from 'node:events';
import { finished, type Readable } from 'node:stream';
import { newId } from '../../core/ids.ts';
import type { Logger } from '../../core/log.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Engine } from '../../engine/index.ts';
import type { KeptContexts } from '../context/kept-contexts.ts';
import type { Builder, TracedBuildRequest } from '../contract.ts';
import { stepFailed } from '../errors.ts';
import { checkExporters, dropResults, exportResult } from './export.ts';
import { runDockerfile } from './frontend.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { type Jobs, keepResult } from './job.ts';
import type { Sessions } from './session/sessions.ts';
import { StatusResponse } from './wire/messages.ts';

/** How long a build waits for a context that another request sends, and that for the build. */
const ARRIVAL_MS = 10_000;

interface TracedOptions {
  readonly engine: Engine;
  readonly builder: Pick<Builder, 'build' | 'files' | 'archive' | 'push'>;
  readonly sessions: Sessions;
  readonly contexts: KeptContexts;
  readonly jobs: Jobs;
  readonly log: Logger;
}

/** Builds that the engine drives for clients of before buildx: `POST /build?version=2`. */
export class TracedBuilds {
  readonly #options: TracedOptions;
  readonly #uploads = new Map<string, PromiseWithResolvers<Readable>>();

  constructor(options: TracedOptions) {
    this.#options = options;
  }

  async build(
    request: TracedBuildRequest,
    onMessage: (m: ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { jobs, sessions } = this.#options;
    const moby = { type: 'moby', attrs: { name: request.tags.join(',') } };
    const exporters = request.outputs.length === 0 ? [moby] : request.outputs.map((o) => (o.type === '' ? moby : o));
    checkExporters(exporters);
    const over = new AbortController();
    const all = AbortSignal.any([signal, over.signal]);
    const job = jobs.add({
      ref: request.buildId || newId(),
      session: request.session,
      exporters,
      cacheTo: [],
      inlineCache: false,
      allow: [],
      signal: all,
    });
    const telling = (async () => {
      for await (const status of job.progress.read(signal)) {
        onMessage({ id: 'moby.buildkit.trace', aux: StatusResponse.encode(status).toString('base64') });
      }
    })();
    try {
      const upload = await this.#contextOf(request, all);
      const { images } = await runDockerfile(job, attrsOf(request), { ...this.#options, upload }, all);
      for (const { image } of images) keepResult(job, image);
      const image = images[0]?.image ?? '';
      await exportResult(
        job,
        images.map((one) => one.image),
        { ...this.#options, sessions },
        all,
      );
      job.progress.end();
      await telling;
      onMessage({ id: 'moby.image.id', aux: { ID: image } });
      if (request.quiet) onMessage({ stream: `${image}\n` });
    } catch (e) {
      if (e instanceof RpcError && !signal.aborted) throw stepFailed({ message: e.message }, { cause: e });
      throw e;
    } finally {
      job.progress.end();
      await telling;
      await dropResults(job, this.#options);
      over.abort(new RpcError(CODE.canceled, 'the build has ended'));
    }
  }

  async upload(buildId: string, context: Readable, signal: AbortSignal): Promise<void> {
    const slot = this.#slot(buildId);
    slot.resolve(context);
    const taken = Promise.withResolvers<void>();
    finished(context, () => taken.resolve());
    // A build that came to nothing before it read its context takes it no more.
    const timer = setTimeout(() => {
      if (!context.readableDidRead) taken.resolve();
    }, ARRIVAL_MS);
    signal.addEventListener('abort', () => taken.resolve(), { once: true });
    await taken.promise;
    clearTimeout(timer);
    this.#uploads.delete(buildId);
  }

  async #contextOf(request: TracedBuildRequest, signal: AbortSignal): Promise<Readable | undefined> {
    if (request.source === 'session') return undefined;
    if (request.source === 'body') return request.context;
    const late = AbortSignal.timeout(ARRIVAL_MS);
    const stop = AbortSignal.any([signal, late]);
    const gone = once(stop, 'abort').then(() => {
      throw new RpcError(CODE.unavailable, `no context was uploaded for build ${request.buildId}`);
    });
    return Promise.race([this.#slot(request.buildId).promise, gone]);
  }

  #slot(buildId: string): PromiseWithResolvers<Readable> {
    const slot = this.#uploads.get(buildId) ?? Promise.withResolvers<Readable>();
    this.#uploads.set(buildId, slot);
    return slot;
  }
}

/** The request in the words of the frontend's attributes. */
function attrsOf(request: TracedBuildRequest): Record<string, string> {
  const attrs: Record<string, string> = {
    filename: request.dockerfile,
    target: request.target,
    platform: request.platform,
    'add-hosts': request.extraHosts.map((host) => host.replace(':', '=')).join(','),
  };
  const { networkMode, shmSizeBytes, limits } = request;
  if (limits !== undefined) {
    attrs['ulimit'] = limits.ulimits.map((u) => `${u.Name}=${u.Soft}:${u.Hard}`).join(',');
    attrs['cgroup-parent'] = limits.cgroupParent;
  }
  if (networkMode !== '' && networkMode !== 'default') attrs['force-network-mode'] = networkMode;
  if (shmSizeBytes !== undefined) attrs['shm-size'] = String(shmSizeBytes);
  if (request.noCache) attrs['no-cache'] = '';
  if (request.pull) attrs['image-resolve-mode'] = 'pull';
  for (const [name, value] of Object.entries(request.buildArgs)) if (value !== null) attrs[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(request.labels)) attrs[`label:${name}`] = value;
  return attrs;
}
