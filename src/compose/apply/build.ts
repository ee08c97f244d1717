import { posix } from 'node:path';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import type { BuildQuery, Client } from '../../client/index.ts';
import { directoryContext } from '../../client/index.ts';
import { messageOf } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';
import { composeInputMissing } from '../errors.ts';
import type { Project } from '../model/project.ts';
import type { Build, Service } from '../model/service.ts';
import type { Progress } from '../output/progress.ts';
import { LABEL } from '../plan/labels.ts';
import { imageName } from '../plan/names.ts';
import { fetchContext, isRemoteContext } from './build-remote.ts';
import { sideInputs } from './build-side.ts';
import { failOn } from './fail-on.ts';
import { walk } from './graph.ts';
import { Slots } from '../../core/slots.ts';

export interface BuildOptions {
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly args?: Readonly<Record<string, string | null>>;
}

/**
 * Builds services side by side, as many as there are cores; one whose image another builds on (`additional_contexts`) goes
 * first. When several build, each line of output has its service in front.
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
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const places = new Slots(availableParallelism());
  const graph = new Map(names.map((name) => [name, buildsOn(project.services[name]?.build)]));
  const width = Math.max(0, ...names.map((n) => n.length));
  await walk(graph, names, 'dependencies-first', (name) =>
    places.run(async () => {
      either.throwIfAborted();
      const service = project.services[name];
      if (!service) throw new Error(`no service ${name}`);
      const lines = names.length > 1 ? prefixed(`${name.padEnd(width)} | `, write) : { write, end: () => undefined };
      try {
        await progress.during(name, 'Building', 'Built', () =>
          buildService(client, project, name, service, options, (text) => lines.write(text), either),
        );
      } catch (e) {
        // The first failure is the one to tell; what else is being built stops.
        if (!stop.signal.aborted) stop.abort(e);
        throw stop.signal.reason ?? e;
      } finally {
        lines.end();
      }
    }),
  );
}

/** Services whose images a build takes files from. */
function buildsOn(build: Build | undefined): string[] {
  return Object.values(build?.additional_contexts ?? {}).flatMap((at) =>
    at.startsWith('service:') ? [at.slice('service:'.length)] : [],
  );
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
  await using undo = new AsyncDisposableStack();
  const written = build.context ?? project.workingDirectory;
  const context = isRemoteContext(written) ? undo.use(await fetchContext(written, signal)).directory : written;
  let dockerfile = posix.resolve(context, build.dockerfile ?? 'Dockerfile');
  if (build.dockerfile_inline !== undefined) {
    const directory = await mkdtemp(posix.join(tmpdir(), 'wharf-compose-'));
    undo.defer(() => rm(directory, { recursive: true, force: true }));
    dockerfile = posix.join(directory, 'Dockerfile');
    await writeFile(dockerfile, build.dockerfile_inline);
  }
  const source = await directoryContext({ directory: context, dockerfile }).catch((e: unknown) => {
    throw composeInputMissing({ message: `service "${name}": ${messageOf(e)}` }, { cause: e });
  });
  const side = await sideInputs(project, name, build);
  const platform = service.platform ?? (build.platforms?.length === 1 ? build.platforms[0] : undefined);
  const query: BuildQuery = {
    tags: [imageName(project, name, service), ...(build.tags ?? [])],
    buildArgs: Object.fromEntries(
      Object.entries({ ...proxyArgs(client), ...build.args, ...options.args }).filter(([, v]) => v !== null),
    ),
    labels: {
      ...build.labels,
      [LABEL.project]: project.name,
      [LABEL.service]: name,
      [LABEL.version]: VERSION,
      [LABEL.builder]: 'classic',
    },
    noCache: options.noCache ?? build.no_cache ?? false,
    pull: options.pull ?? build.pull ?? false,
    cacheFrom: cacheImages(build.cache_from ?? []),
    extraHosts: (build.extra_hosts ?? []).map((h) => h.replace('=', ':')),
    removeIntermediate: true,
    signal,
    ...(side ? { extras: side.extras, side: side.sent } : {}),
    ...(build.target === undefined ? {} : { target: build.target }),
    ...(build.network === undefined ? {} : { networkMode: build.network }),
    ...(build.shm_size === undefined ? {} : { shmSizeBytes: build.shm_size }),
    ...(platform === undefined ? {} : { platform }),
  };
  for await (const message of client.images.build(source, query)) {
    failOn(message, `service "${name}": `);
    if (!options.quiet && message.stream !== undefined) write(message.stream);
  }
}

/** The images among the caches: caches of other kinds only save work, and the build goes on without them. */
function cacheImages(given: readonly string[]): string[] {
  return given.flatMap((text) => {
    if (!text.includes('=')) return [text];
    const attrs = new Map(
      text.split(',').map((pair): [string, string] => [pair.split('=', 1)[0] ?? '', pair.replace(/^[^=]*=/, '')]),
    );
    const ref = attrs.get('ref');
    return attrs.get('type') === 'registry' && ref !== undefined ? [ref] : [];
  });
}

function proxyArgs({ proxies }: Client): Record<string, string> {
  return Object.fromEntries(
    proxies.map((variable) => {
      const at = variable.indexOf('=');
      return [variable.slice(0, at), variable.slice(at + 1)];
    }),
  );
}

/** Puts a word before each line; a line is written when it is whole. */
function prefixed(prefix: string, write: (text: string) => void): { write(text: string): void; end(): void } {
  let rest = '';
  return {
    write(text) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) write(lines.map((line) => `${prefix}${line}\n`).join(''));
    },
    end() {
      if (rest !== '') write(`${prefix}${rest}\n`);
      rest = '';
    },
  };
}
