import { messageOf } from '../../core/errors.ts';
import { parseReference } from '../../core/reference.ts';
import type { Engine } from '../../engine/index.ts';
import type { BuildContext } from '../context/open-context.ts';
import type { BuildRequest } from '../contract.ts';
import { stepFailed } from '../errors.ts';
import { openDirectoryPlace } from '../remote-cache/directory-place.ts';
import type { CachePlace } from '../remote-cache/place.ts';
import { openRegistryPlace } from '../remote-cache/registry-place.ts';
import { type CacheSource, sourceAt, sourceOfImage } from '../remote-cache/source.ts';
import type { CacheSpec } from '../remote-cache/spec.ts';
import { authOf } from './base-images.ts';
import type { Reporter } from './reporter.ts';

interface Parts {
  readonly engine: Engine;
  readonly context: BuildContext;
  readonly reporter: Reporter;
  readonly say: (text: string) => void;
  readonly undo: AsyncDisposableStack;
}

/** All that a request names as caches, in its order. */
function cacheSpecs({ cacheFrom, extras }: Pick<BuildRequest, 'cacheFrom' | 'extras'>): CacheSpec[] {
  const images = cacheFrom.map((ref): CacheSpec => ({ type: 'registry', attrs: { ref } }));
  return [...images, ...(extras?.cacheFrom ?? [])];
}

/**
 * Opens the caches of `--cache-from`. One that is not there, or cannot be read, is told of: the build goes on without it.
 * @param undo closes them
 */
export async function openCaches(request: BuildRequest, parts: Parts, signal: AbortSignal): Promise<CacheSource[]> {
  const opened = await Promise.all(cacheSpecs(request).map((spec) => openCache(spec, request, parts, signal)));
  return opened.filter((source) => source !== undefined);
}

async function openCache(
  spec: CacheSpec,
  request: BuildRequest,
  { engine, context, reporter, say, undo }: Parts,
  signal: AbortSignal,
): Promise<CacheSource | undefined> {
  const { type, attrs } = spec;
  const name = (type === 'registry' ? attrs['ref'] : (attrs['shown'] ?? attrs['src'])) ?? '';
  if (type === 'registry') {
    const image = engine.images.find(name);
    if (image !== undefined) return sourceOfImage(name, image);
    // Clients of the classic API mean images that are here.
    if (request.extras === undefined) return undefined;
  }
  const report = reporter.begin({ name: `importing cache manifest from ${name}`, metadata: false, line: 0 });
  try {
    const place = undo.use(await openPlace(spec, name, request, engine, context, signal));
    const source = await sourceAt(name, place);
    report.end({ outcome: 'done', why: '' });
    return source;
  } catch (e) {
    signal.throwIfAborted();
    const error = `failed to configure ${type} cache importer: ${messageOf(e)}`;
    say(` ---> [Warning] no cache from ${name}: ${messageOf(e)}\n`);
    report.end({ outcome: 'failed', why: 'the build goes on without it', error });
    return undefined;
  }
}

async function openPlace(
  { type, attrs }: CacheSpec,
  name: string,
  request: BuildRequest,
  { images }: Engine,
  context: BuildContext,
  signal: AbortSignal,
): Promise<CachePlace> {
  if (type === 'registry') {
    const { registry } = parseReference(name);
    return openRegistryPlace(images, name, await authOf(registry, request), signal);
  }
  if (type !== 'local')
    throw stepFailed({ message: `caches of type ${type} are not supported: use registry or local` });
  const { src = '', tag = 'latest', digest = '' } = attrs;
  const { localCaches } = request.extras ?? {};
  if (localCaches !== undefined) return localCaches.place(src, digest);
  return openDirectoryPlace(context.side.directory(src).root, { tag, digest });
}
