import { hostname } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import type { Logger } from '../../core/log.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { Engine } from '../../engine/index.ts';
import type { Builder, BuildKitServices, SessionFacts, TracedBuildRequest } from '../contract.ts';
import type { KeptContexts } from '../context/kept-contexts.ts';
import { cacheMethods } from './cache-methods.ts';
import { buildkitVersion, frontendCapabilities, graphCapabilities, workerOf } from './capabilities.ts';
import { definitionOfImage, imageOfDefinition, refuseDefinition } from './definition.ts';
import { checkExporters, dropResults, exportResult } from './export.ts';
import { type FrontendResult, runDockerfile } from './frontend.ts';
import { serveGrpc, streaming, unary, type Call, type Methods } from './grpc/server.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { type Job, Jobs, keepResult } from './job.ts';
import { answerMetadata } from './answer.ts';
import { replay } from './replay.ts';
import { Sessions } from './session/sessions.ts';
import { sessionTunnel } from './session/tunnel.ts';
import { TracedBuilds } from './traced-build.ts';
import * as wire from './wire/messages.ts';
import type { Of } from './wire/protobuf.ts';

const CONTROL = '/moby.buildkit.v1.Control';
const GATEWAY = '/moby.buildkit.v1.frontend.LLBBridge';

export interface BuildKitOptions {
  readonly engine: Engine;
  readonly builder: Pick<
    Builder,
    'build' | 'files' | 'archive' | 'push' | 'usage' | 'prune' | 'history' | 'historyLog' | 'forget'
  >;
  readonly instance: string;
  readonly contexts: KeptContexts;
  readonly log: Logger;
}

/**
 * BuildKit's interface on our builder: the `dockerfile.v0` frontend, not arbitrary graphs. A client opens a session, which is
 * asked for files and secrets; a `Solve`, which ends with the build; a `Status`, which tells of its progress; and drives the
 * frontend itself by calls of the gateway, which name the `Solve` they are for.
 */
export class BuildKit implements BuildKitServices {
  readonly #options: BuildKitOptions;
  readonly #sessions: Sessions;
  readonly #jobs = new Jobs();
  readonly #traced: TracedBuilds;
  readonly #methods: Methods;

  constructor(options: BuildKitOptions) {
    this.#options = options;
    this.#sessions = new Sessions(options.log);
    this.#traced = new TracedBuilds({ ...options, sessions: this.#sessions, jobs: this.#jobs });
    const worker = () => workerOf(options.instance, hostname(), options.engine.parts.hostGateways());
    this.#methods = {
      [`${CONTROL}/Info`]: unary(wire.Empty, wire.InfoResponse, () => ({ buildkitVersion })),
      [`${CONTROL}/ListWorkers`]: unary(wire.Empty, wire.ListWorkersResponse, () => ({ record: [worker()] })),
      [`${CONTROL}/Solve`]: unary(wire.ControlSolveRequest, wire.ControlSolveResponse, (q, call) =>
        this.#solve(q, call),
      ),
      [`${CONTROL}/Status`]: streaming(wire.StatusRequest, wire.StatusResponse, (q, call) => this.#status(q.ref, call)),
      [`${CONTROL}/Session`]: sessionTunnel(this.#sessions),
      ...cacheMethods(CONTROL, options.builder),
      [`${GATEWAY}/Ping`]: unary(wire.Empty, wire.PongResponse, () => ({
        frontendApiCaps: frontendCapabilities,
        llbCaps: graphCapabilities,
        workers: [worker()],
      })),
      [`${GATEWAY}/Solve`]: unary(wire.GatewaySolveRequest, wire.GatewaySolveResponse, (q, call) =>
        this.#gatewaySolve(q, call),
      ),
      [`${GATEWAY}/Return`]: unary(wire.ReturnRequest, wire.Empty, async (q, call) => {
        (await this.#jobOf(call)).returned.resolve(q);
        return {};
      }),
      [`${GATEWAY}/Inputs`]: unary(wire.Empty, wire.Empty, () => ({})),
      [`${GATEWAY}/Evaluate`]: unary(wire.Empty, wire.Empty, () => ({})),
      [`${GATEWAY}/Warn`]: unary(wire.Empty, wire.Empty, () => ({})),
      '/grpc.health.v1.Health/Check': unary(wire.Empty, wire.HealthCheckResponse, () => ({ status: 1 })),
    };
  }

  serve(socket: Duplex, signal: AbortSignal): Promise<void> {
    return serveGrpc(socket, this.#methods, this.#options.log, signal);
  }

  checkSession(id: string): void {
    this.#sessions.check(id);
  }

  openSession(facts: SessionFacts, socket: Duplex, signal: AbortSignal): Promise<void> {
    return this.#sessions.serve(facts, socket, signal);
  }

  build(request: TracedBuildRequest, onMessage: (m: ProgressMessage) => void, signal: AbortSignal): Promise<void> {
    return this.#traced.build(request, onMessage, signal);
  }

  upload(buildId: string, context: Readable, signal: AbortSignal): Promise<void> {
    return this.#traced.upload(buildId, context, signal);
  }

  async #solve(request: Of<typeof wire.ControlSolveRequest>, call: Call) {
    const { ref, session, frontend, frontendAttrs, definition } = request;
    if ((definition?.def.length ?? 0) > 0) refuseDefinition();
    const deprecated = { type: request.exporterDeprecated, attrs: request.exporterAttrsDeprecated };
    const exporters = request.exporters.length > 0 || deprecated.type === '' ? request.exporters : [deprecated];
    checkExporters(exporters);
    const over = new AbortController();
    const signal = AbortSignal.any([call.signal, over.signal]);
    const caches = request.cache?.exports ?? [];
    const cacheTo = caches.filter(({ type }) => type !== 'inline');
    const inlineCache = cacheTo.length < caches.length;
    const job = this.#jobs.add({ ref, session, exporters, cacheTo, inlineCache, allow: request.entitlements, signal });
    try {
      const images =
        frontend === ''
          ? await imagesReturned(job)
          : (await this.#build(job, frontend, frontendAttrs)).images.map(({ image }) => image);
      if (images.length === 0) return {};
      const exporterResponse = await exportResult(job, images, { ...this.#options, sessions: this.#sessions }, signal);
      const { cacheManifest } = job;
      if (cacheManifest !== undefined) exporterResponse['cache.manifest'] = JSON.stringify(cacheManifest);
      return { exporterResponse };
    } finally {
      await dropResults(job, this.#options);
      over.abort(new RpcError(CODE.canceled, 'the build has ended'));
      job.progress.end();
    }
  }

  async *#status(ref: string, call: Call) {
    const { builder } = this.#options;
    const past = this.#jobs.has(ref) ? undefined : builder.history().find(({ id }) => id === ref);
    if (past !== undefined) {
      yield* replay(past, builder.historyLog(ref)).read(call.signal);
      return;
    }
    const job = await this.#jobs.get(ref, call.signal);
    yield* job.progress.read(call.signal);
  }

  async #gatewaySolve(request: Of<typeof wire.GatewaySolveRequest>, call: Call) {
    if ((request.definition?.def.length ?? 0) > 0) refuseDefinition();
    const inputs = new Map(Object.entries(request.frontendInputs).map(([k, v]) => [k, imageOfDefinition(v)]));
    const job = await this.#jobOf(call);
    const result = await this.#build(job, request.frontend, request.frontendOpt, inputs, call.signal);
    const [first] = result.images;
    if (first === undefined) return { result: { metadata: answerMetadata(result), ref: undefined, refs: undefined } };
    const refOf = (image: string) => ({ id: keepResult(job, image), def: definitionOfImage(image) });
    const configOf = (image: string) => Buffer.from(JSON.stringify(this.#options.engine.images.get(image).config));
    if (result.images.length === 1) {
      const metadata = { 'containerimage.config': configOf(first.image) };
      return { result: { ref: refOf(first.image), metadata, refs: undefined } };
    }
    const refs = Object.fromEntries(result.images.map(({ image, platform }) => [platform, refOf(image)]));
    const configs = result.images.map(({ image, platform }) => [`containerimage.config/${platform}`, configOf(image)]);
    const metadata = { 'refs.platforms': platformsOf(result), ...Object.fromEntries(configs) };
    return { result: { ref: undefined, metadata, refs: { refs } } };
  }

  async #build(
    job: Job,
    frontend: string,
    attrs: Readonly<Record<string, string>>,
    inputs: ReadonlyMap<string, string> = new Map(),
    signal: AbortSignal = job.signal,
  ): Promise<FrontendResult> {
    if (frontend !== 'dockerfile.v0') {
      const what = frontend === 'gateway.v0' ? `frontend ${attrs['source'] ?? frontend}` : `frontend ${frontend}`;
      throw new RpcError(CODE.unimplemented, `${what} is not supported: the builder reads Dockerfiles itself`);
    }
    const { builder, engine, contexts } = this.#options;
    const parts = { builder, engine, contexts, sessions: this.#sessions, inputs };
    return runDockerfile(job, attrs, parts, AbortSignal.any([job.signal, signal]));
  }

  #jobOf({ metadata, signal }: Call): Promise<Job> {
    return this.#jobs.get(String(metadata['buildkit-controlapi-buildid'] ?? ''), signal);
  }
}

/** Which platforms the references of a result are for, as clients read it. @see moby/buildkit exporter/containerimage/exptypes */
function platformsOf({ images }: FrontendResult): Buffer {
  const named = images.map(({ platform }) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    return { ID: platform, Platform: { architecture, os, ...(variant === undefined ? {} : { variant }) } };
  });
  return Buffer.from(JSON.stringify({ Platforms: named }));
}

/** The images that the client's part of a build decided for, of a platform each. @throws {RpcError} what it failed with */
async function imagesReturned(job: Job): Promise<string[]> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  job.signal.addEventListener('abort', () => reject(job.signal.reason), { once: true });
  const { result, error } = await Promise.race([job.returned.promise, aborted]);
  if (error !== undefined) throw new RpcError(error.code || CODE.unknown, error.message, error.details);
  const refs = result?.ref === undefined ? Object.values(result?.refs?.refs ?? {}) : [result.ref];
  const ids = new Set(refs.map(({ id }) => id).filter((id) => id !== ''));
  for (const id of ids) if (!job.results.has(id)) throw new RpcError(CODE.notFound, `no such result ${id}`);
  // In the order that they were asked for: a client's map has none.
  return [...job.results].flatMap(([id, image]) => (ids.has(id) ? [image] : []));
}
