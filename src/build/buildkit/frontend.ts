import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { ProgressMessage, RegistryAuth } from '../../core/wire/resources.ts';
import type { BuildEvent, BuildOutline, BuildTargets, BuildWarning } from '../../core/wire/build.ts';
import type { Engine } from '../../engine/index.ts';
import type { KeptContexts, KeptDirectory } from '../context/kept-contexts.ts';
import type { AskedClient, BuildExtras, Builder } from '../contract.ts';
import type { Dockerfile } from '../dockerfile/instructions.ts';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { isDiskFull } from '../errors.ts';
import { buildError } from './build-error.ts';
import { reachedPaths } from './context-paths.ts';
import { type FrontendOptions, readFrontendOptions } from './frontend-options.ts';
import { checkSeveral, exportsImage } from './export.ts';
import { CODE, RpcError } from './grpc/status.ts';
import type { Job } from './job.ts';
import { askCredentials, askSecret, pullUpload } from './session/ask.ts';
import { type TarPart, tarOf } from './session/context-tar.ts';
import { localCaches } from './session/content-store.ts';
import { syncDirectory } from './session/directory-sync.ts';
import { openTransfer, syncFiles } from './session/file-sync.ts';
import type { Session, Sessions } from './session/sessions.ts';
import { forwardAgent, hasAgent } from './session/ssh-agent.ts';
import { StepVertices } from './step-vertices.ts';

const SIDE = '.wharf-side';

/** What was built for one platform. */
export interface PlatformImage {
  readonly image: string;
  readonly platform: string;
}

export interface FrontendResult {
  /** The images' IDs, of a platform each; none if the Dockerfile was only checked. */
  readonly images: readonly PlatformImage[];
  readonly dockerfile: { readonly filename: string; readonly text: string };
  readonly warnings: readonly BuildWarning[];
  /** What a description was asked for gave. */
  readonly description: BuildOutline | BuildTargets | undefined;
}

export interface FrontendParts {
  readonly builder: Pick<Builder, 'build'>;
  readonly engine: Pick<Engine, 'images'>;
  readonly sessions: Sessions;
  /** Directories of clients, kept from build to build. */
  readonly contexts: KeptContexts;
  /** A tar with context and Dockerfile, instead of the client's directories. */
  readonly upload?: Readable | undefined;
  /** Images that named contexts of the form `input:KEY` mean. */
  readonly inputs?: ReadonlyMap<string, string>;
}

/**
 * The frontend `dockerfile.v0`: takes the Dockerfile and the context from the client's session and has them built.
 * @throws {RpcError}
 */
export async function runDockerfile(
  job: Job,
  attrs: Readonly<Record<string, string>>,
  { builder, engine, sessions, contexts, upload, inputs = new Map() }: FrontendParts,
  signal: AbortSignal,
): Promise<FrontendResult> {
  const options = readFrontendOptions(attrs);
  if (options.request.platform.includes(',') && !options.checkOnly) checkSeveral(job.exporters);
  const filename = options.request.dockerfile;
  const session = await sessions.get(job.session, signal);
  await using undo = new AsyncDisposableStack();
  let isFull = false;
  // Contexts are kept to save work: they go when the room is needed.
  undo.defer(async () => (isFull ? contexts.clear() : undefined));
  const isSent = upload !== undefined || options.contextUrl !== undefined;
  const definition = isSent ? undefined : await fetchDefinition(job, session, options, signal);
  const file = definition && tryToParse(definition.text, filename);
  const source = { filename, data: Buffer.from(definition?.text ?? '') };
  const vertices = new StepVertices(job.progress, source, definition?.vertex ?? '');
  const warnings: BuildWarning[] = [];
  const images: PlatformImage[] = [];
  let description: BuildOutline | BuildTargets | undefined;
  const onMessage = ({ aux }: ProgressMessage): void => {
    const event = (aux as { Wharf?: BuildEvent } | undefined)?.Wharf;
    if (event === undefined) return;
    if (event.kind === 'warning') warnings.push(event);
    else if (event.kind === 'image') images.push(event);
    else if (event.kind === 'cache-export') {
      if (job.cacheTo[event.index]?.type === 'local') job.cacheManifest = event.manifest;
    } else if (event.kind === 'outline') description = event.outline;
    else if (event.kind === 'targets') description = event.targets;
    // The result of a check is told once, as that.
    if (!options.checkOnly) vertices.take(event);
  };
  const cancel = new AbortController();
  undo.defer(() => cancel.abort());
  const all = AbortSignal.any([signal, cancel.signal]);
  try {
    const { named, parts } = namedContexts(options, inputs, session, all);
    const { request, checkOnly } = options;
    const follow = file && reachedOf(file, options, engine);
    const isUnread = isSent || checkOnly || follow?.length === 0;
    const kept = isUnread ? undefined : undo.use(await contexts.open(contextKey(session, options, attrs)));
    const wanted = { ignore: definition?.ignore ?? '', follow };
    if (kept !== undefined) await loadContext(job, session, options, wanted, kept, all);
    const extras: BuildExtras = {
      ref: job.ref,
      style: 'buildkit',
      events: true,
      allow: job.allow,
      checkOnly,
      describe: options.describe,
      noCacheStages: request.noCacheStages,
      ask: askedClient(session, options, undo, all),
      namedContexts: named,
      sideDirectory: SIDE,
      keepInCache: !exportsImage(job),
      cacheFrom: options.cacheFrom,
      cacheTo: checkOnly ? [] : job.cacheTo,
      localCaches: localCaches(session, all),
      ...(kept && { ownDirectory: kept.path }),
      ...(definition && { dockerfileText: definition.text, ignoreText: definition.ignore }),
    };
    const context = upload ?? openSent(session, options, checkOnly ? [] : parts, all);
    const url = options.contextUrl;
    const remote = upload === undefined && url !== undefined && !isUpload(url) ? url : undefined;
    const inline = job.inlineCache ? { BUILDKIT_INLINE_CACHE: '1' } : {};
    const buildArgs = { ...inline, ...request.buildArgs };
    await builder.build(
      { ...request, buildArgs, remote, tags: [], context, registryConfig: {}, extras },
      onMessage,
      all,
    );
    return { images, dockerfile: { filename, text: definition?.text ?? '' }, warnings, description };
  } catch (e) {
    isFull = isDiskFull(e);
    throw buildError(e, filename, definition?.text ?? '');
  }
}

/** The Dockerfile, and what it says to leave out of the context: its own rules, or those of the context. */
async function fetchDefinition(job: Job, session: Session, options: FrontendOptions, signal: AbortSignal) {
  const { dockerfile: filename } = options.request;
  const names = [filename, `${filename}.dockerignore`, ...(filename === 'Dockerfile' ? ['dockerfile'] : [])];
  const directory = options.dockerfileDirectory;
  const found = await job.progress.during(`[internal] load build definition from ${filename}`, async (vertex) => {
    let bytes = 0;
    const texts = await fetchTexts(session, directory, names, signal, (n) => {
      bytes = n;
      vertex.status('transferring dockerfile:', { current: n });
    });
    vertex.status('transferring dockerfile:', { current: bytes, done: true });
    const text = texts.get(filename) ?? texts.get('dockerfile');
    if (text === undefined) {
      throw new RpcError(CODE.unknown, `failed to read dockerfile: open ${filename}: no such file or directory`);
    }
    return { text, vertex: vertex.digest, own: texts.get(`${filename}.dockerignore`) };
  });
  const ignore = await job.progress.during('[internal] load .dockerignore', async (vertex) => {
    const text =
      found.own ??
      (await fetchTexts(session, options.contextDirectory, ['.dockerignore'], signal)).get('.dockerignore') ??
      '';
    vertex.status('transferring context:', { current: Buffer.byteLength(text) + 2, done: true });
    return text;
  });
  return { text: found.text, vertex: found.vertex, ignore };
}

async function fetchTexts(
  session: Session,
  directory: string,
  names: readonly string[],
  signal: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { stat, content } of syncFiles(session, { directory, follow: names }, signal, onBytes)) {
    if (content === undefined) continue;
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    texts.set(stat.path, Buffer.concat(chunks).toString('utf8'));
  }
  return texts;
}

/** The builder reports what is wrong with a Dockerfile; here it only tells what of the context is wanted. */
function tryToParse(text: string, filename: string): Dockerfile | undefined {
  try {
    return parseDockerfile(text, filename);
  } catch {
    return undefined;
  }
}

/** Asks the client for what a step turns out to need, once for each. */
function askedClient(
  session: Session,
  { contextUrl, contextDirectory }: FrontendOptions,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): AskedClient {
  const namesIn = async (directory: string): Promise<string[]> => {
    if (contextUrl !== undefined) return [];
    const follow = [posix.join(directory, '*')];
    using transfer = openTransfer(session, { directory: contextDirectory, follow }, signal, () => undefined);
    const paths = (await transfer.stats()).map(({ path }) => path);
    return paths
      .filter((path) => posix.dirname(`/${path}`) === posix.join('/', directory))
      .map((path) => posix.basename(path));
  };
  const secrets = new Map<string, Promise<Uint8Array | undefined>>();
  const agents = new Map<string, Promise<string | undefined>>();
  const credentials = new Map<string, Promise<RegistryAuth | undefined>>();
  let directory: Promise<string> | undefined;
  let opened = 0;
  const openDirectory = async () => {
    const path = await mkdtemp(join(tmpdir(), 'wharf-ssh-'));
    undo.defer(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  const agent = async (id: string): Promise<string | undefined> => {
    if (!(await hasAgent(session, id, signal))) return undefined;
    const path = join(await (directory ??= openDirectory()), `agent.${opened++}`);
    undo.use(await forwardAgent(session, id, path, signal));
    return path;
  };
  return {
    secret: (id) => once(secrets, id, () => askSecret(session, id, signal)),
    agent: (id) => once(agents, id, () => agent(id)),
    contextNames: (directory) => namesIn(directory).catch(() => []),
    credentials: (registry) => once(credentials, registry, () => askCredentials(session, registry, signal)),
  };
}

function once<T>(asked: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const answer = asked.get(key) ?? ask();
  asked.set(key, answer);
  return answer;
}

/** `--build-context`: images and results of other builds go by name; directories of the client's come with the context. */
function namedContexts(
  { namedContexts, checkOnly }: FrontendOptions,
  inputs: ReadonlyMap<string, string>,
  session: Session,
  signal: AbortSignal,
) {
  const named: Record<string, string> = {};
  const parts: TarPart[] = [];
  for (const [name, value] of Object.entries(namedContexts)) {
    const [, scheme, rest = ''] = /^(local:|input:|docker-image:\/\/)(.+)$/.exec(value) ?? [];
    const input = scheme === 'input:' ? inputs.get(rest) : undefined;
    if (scheme === 'local:') {
      named[name] = `side:${parts.length}`;
      const below = `${SIDE}/contexts/${parts.length}/`;
      parts.push({ below, files: syncFiles(session, { directory: rest }, signal) });
    } else if (scheme === 'docker-image://') named[name] = value;
    else if (input !== undefined) named[name] = `docker-image://${input}`;
    // Nothing is built from it: its name will do.
    else if (checkOnly) named[name] = `docker-image://${name}`;
    else {
      const hint = 'use a directory, docker-image:// or target:';
      throw new RpcError(CODE.unimplemented, `build context ${name}: ${value} is not supported: ${hint}`);
    }
  }
  return { named, parts };
}

/** The directory is the same one as before if its client, its name there and its Dockerfile are. `''`: that cannot be told. */
function contextKey({ sharedKey }: Session, options: FrontendOptions, attrs: Readonly<Record<string, string>>): string {
  const { contextDirectory, request } = options;
  const path = attrs['vcs:localdir:context'] ?? '';
  return sharedKey === '' ? '' : JSON.stringify([sharedKey, contextDirectory, path, request.dockerfile]);
}

/** Whether it is the client that has the context, and not somebody else. */
function isUpload(url: string): boolean {
  return url.startsWith('http://buildkit-session/');
}

/** What of the context is sent. A base that is not here yet may have triggers, and named contexts may stand for others. */
function reachedOf(
  file: Dockerfile,
  { request, namedContexts }: FrontendOptions,
  { images }: Pick<Engine, 'images'>,
): readonly string[] | undefined {
  if (request.pull || Object.keys(namedContexts).length > 0) return undefined;
  return reachedPaths(file, request, (reference) => {
    const image = images.find(reference);
    return image === undefined || (image.config.config?.OnBuild ?? []).length > 0;
  });
}

/** What is sent as a tar: the context by URL, and named ones. */
function openSent(
  session: Session,
  { contextUrl: url }: FrontendOptions,
  parts: readonly TarPart[],
  signal: AbortSignal,
): Readable {
  if (url === undefined || !isUpload(url)) return tarOf(parts);
  return pullUpload(session, new URL(url), signal);
}

async function loadContext(
  job: Job,
  session: Session,
  options: FrontendOptions,
  { ignore, follow }: { readonly ignore: string; readonly follow: readonly string[] | undefined },
  kept: KeptDirectory,
  signal: AbortSignal,
): Promise<void> {
  const exclude = ignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const request = { directory: options.contextDirectory, exclude: normalised(exclude), ...(follow && { follow }) };
  await job.progress.during('[internal] load build context', async (vertex) => {
    let bytes = 0;
    let shown = 0;
    await syncDirectory(session, request, kept, signal, (n) => {
      bytes = n;
      if (n - shown < 1024 * 1024) return;
      shown = n;
      vertex.status('transferring context:', { current: n });
    });
    vertex.status('transferring context:', { current: bytes, done: true });
  });
}

/** Patterns as fsutil wants them: relative, without slashes at either end. */
function normalised(patterns: readonly string[]): string[] {
  return patterns.map((pattern) => {
    const not = pattern.startsWith('!') ? '!' : '';
    return (
      not +
      pattern
        .slice(not.length)
        .trim()
        .replace(/^\.?\/+/, '')
        .replace(/(.)\/+$/, '$1')
    );
  });
}
