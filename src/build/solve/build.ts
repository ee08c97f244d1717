import { messageOf } from '../../core/errors.ts';
import { shortId } from '../../core/ids.ts';
import { formatPlatform, hostPlatform } from '../../core/platform.ts';
import type { Reference } from '../../core/reference.ts';
import { familiar, invalidReference, parseReference, withDefaultTag } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import { openContext } from '../context/open-context.ts';
import type { BuildRequest } from '../contract.ts';
import { stepFailed } from '../errors.ts';
import { checkPush, pushImages } from '../push.ts';
import { exportOptions } from '../remote-cache/spec.ts';
import { authOf, parsePlatforms } from './base-images.ts';
import { type BuiltImage, buildFor } from './build-platform.ts';
import type { BuildParts } from './build-parts.ts';
import type { Reporter } from './reporter.ts';

/**
 * One build: context, plan, stages side by side, image and tags. Aborted or failed, it gives back all it took; results of
 * steps that were completed stay in the cache.
 */
export async function build(
  request: BuildRequest,
  parts: BuildParts,
  onMessage: (m: ProgressMessage) => void,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<string> {
  const tags = request.tags.map(parseTag);
  for (const spec of request.extras?.cacheTo ?? []) exportOptions(spec); // refused before anything is done
  const platforms = parsePlatforms(request.platform, hostPlatform());
  if (platforms.length > 1) refuseSeveral(request);
  for (const attrs of request.extras?.push ?? []) checkPush(attrs);
  await using undo = new AsyncDisposableStack();
  const context = undo.use(await openContext(request, parts, signal));
  const images: BuiltImage[] = [];
  for (const platform of platforms) {
    const one = platforms.length === 1 ? request : { ...request, platform: formatPlatform(platform) };
    const others = { images, isLast: platform === platforms.at(-1), isOnly: platforms.length === 1 };
    const made = await buildFor(platform, one, { tags, context, others }, parts, onMessage, reporter, signal);
    if (made === undefined) return ''; // only described, which one platform is enough for
    images.push(made);
  }
  await pushResult(images, request, parts, reporter, signal);
  const [{ id } = { id: '' }] = images;
  onMessage({ aux: { ID: id } });
  onMessage({ stream: `Successfully built ${shortId(id)}\n` });
  for (const tag of tags) onMessage({ stream: `Successfully tagged ${familiar(tag)}\n` });
  return id;
}

/** An engine's name means one platform, and the classic answer has room for one image. @throws {WharfError} `BUILD_STEP_FAILED` */
function refuseSeveral({ platform, tags, extras }: BuildRequest): void {
  if (extras?.events === true && tags.length === 0) return;
  const how = 'build them with -o type=oci,dest=FILE or --push, or one platform at a time';
  throw stepFailed({
    message: `Multi-platform build is not supported for images of the engine, where a name means one platform (${platform}): ${how}`,
  });
}

/** Pushes what was built, as `extras.push` says. */
async function pushResult(
  built: readonly BuiltImage[],
  request: BuildRequest,
  parts: BuildParts,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = parts.run;
  const images = built.map(({ id }) => engine.images.get(id));
  const client = {
    credentials: (registry: string) => authOf(registry, request),
    during: async <T>(name: string, work: (tell: (m: ProgressMessage) => void) => Promise<T>): Promise<T> => {
      const report = reporter.begin({ name, metadata: false, line: 0 });
      try {
        const result = await work((message) => reporter.transfer(report.id, message));
        report.end({ outcome: 'done', why: 'a registry is to have it' });
        return result;
      } catch (e) {
        report.end({ outcome: signal.aborted ? 'canceled' : 'failed', why: '', error: messageOf(e) });
        throw e;
      }
    },
  };
  for (const attrs of request.extras?.push ?? []) {
    const root = await pushImages(images, attrs, client, { ...parts, engine }, signal);
    if (root !== undefined) reporter.tell({ kind: 'pushed', digest: root.digest });
  }
}

function parseTag(text: string): Reference {
  const ref = parseReference(text);
  if (ref.digest !== undefined) {
    throw invalidReference({ text, why: 'refusing to create a tag with a digest reference' });
  }
  return withDefaultTag(ref);
}
