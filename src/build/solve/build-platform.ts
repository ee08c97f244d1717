import { messageOf } from '../../core/errors.ts';
import { formatPlatform, hostPlatform, type Platform } from '../../core/platform.ts';
import type { Reference } from '../../core/reference.ts';
import { parseReference } from '../../core/reference.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { BuildContext } from '../context/open-context.ts';
import type { BuildRequest } from '../contract.ts';
import type { Instruction } from '../dockerfile/instructions.ts';
import { parseDockerfile, refuseRepeatedNames } from '../dockerfile/parse.ts';
import { describeOutline } from '../describe/outline.ts';
import { DescribedSource } from '../describe/source.ts';
import { describeTargets } from '../describe/targets.ts';
import { cacheLost, stepFailed } from '../errors.ts';
import type { NamedContexts, Source } from '../graph/plan.ts';
import { planBuild } from '../graph/plan.ts';
import { globalScope, platformArgs, unusedBuildArgs } from '../graph/variables.ts';
import { checkDockerfile, refuseIfAsked } from '../check/check.ts';
import type { StepOutcome } from '../remote-cache/export.ts';
import { attempt, type PreparedBuild } from './attempt.ts';
import type { BuildParts } from './build-parts.ts';
import { firstFailure } from './first-failure.ts';
import { openCaches } from './open-caches.ts';
import { keepResult, withInlineCache } from './result.ts';
import type { Reporter } from './reporter.ts';
import { type StageState, topOf } from './state.ts';
import { writeCaches } from './write-caches.ts';

/** What came of one platform. */
export interface BuiltImage {
  readonly id: string;
  readonly result: StageState;
  readonly outcomes: readonly StepOutcome[];
}

/** The others of the same build. */
interface Others {
  readonly images: readonly BuiltImage[];
  readonly isLast: boolean;
  readonly isOnly: boolean;
}

/** What the builds for all platforms have in common. */
export interface BuildFrame {
  readonly tags: readonly Reference[];
  readonly context: BuildContext;
  readonly others: Others;
}

/** Builds for one platform: plan, stages side by side, image and tags. @returns `undefined`: nothing was to be built */
export async function buildFor(
  platform: Platform,
  request: BuildRequest,
  { tags, context, others }: BuildFrame,
  parts: BuildParts,
  onMessage: (m: ProgressMessage) => void,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<BuiltImage | undefined> {
  await using undo = new AsyncDisposableStack();
  const filename = request.extras?.dockerfileName ?? request.dockerfile;
  const file = parseDockerfile(context.dockerfile, filename);
  if (request.extras?.style !== 'buildkit') refuseRepeatedNames(file);
  const given = {
    buildArgs: request.buildArgs,
    platform: platformArgs(hostPlatform(), platform, request.target),
  };
  const globals = globalScope(file, given);
  const labels = labelStep(request.labels);
  const contexts = namedContexts(request);
  const environmentOf = (reference: string) => {
    if (!isReference(reference)) return undefined;
    const image = parts.run.engine.images.find(reference);
    return image === undefined ? undefined : (image.config.config?.Env ?? []);
  };
  const platformOf = (reference: string) => {
    const image = isReference(reference) ? parts.run.engine.images.find(reference) : undefined;
    return image === undefined ? undefined : formatPlatform(image.config);
  };
  const checks = { given, ignored: context.ignored, environmentOf, platformOf };
  const described = request.extras?.describe;
  if (described !== undefined) {
    const source = new DescribedSource(context.dockerfile, filename);
    if (described === 'targets') reporter.tell({ kind: 'targets', targets: describeTargets(file, source) });
    else {
      const plan = planBuild(file, request.target, globals, labels.length, contexts);
      const outline = describeOutline({ plan, given, globals, source, environmentOf });
      reporter.tell({ kind: 'outline', outline });
    }
    return undefined;
  }
  if (request.extras?.checkOnly === true) {
    for (const warning of checkDockerfile(file, checks)) {
      reporter.tell({ kind: 'warning', ...warning });
    }
    planBuild(file, request.target, globals, labels.length, contexts);
    return undefined;
  }
  const plan = planBuild(file, request.target, globals, labels.length, contexts);
  const warnings = checkDockerfile(file, checks);
  if (others.images.length === 0) for (const warning of warnings) reporter.tell({ kind: 'warning', ...warning });
  refuseIfAsked(file, warnings, given);

  reporter.tell({ kind: 'plan', file: filename, steps: plan.totalSteps });
  const { engine } = parts.run;
  const say = (text: string): void => onMessage({ stream: text });
  const sources = await openCaches(request, { engine, context, reporter, say, undo }, signal);
  const title = others.isOnly ? '' : formatPlatform(platform);
  const outcomes = others.images.flatMap((image) => image.outcomes);
  const prepared = {
    request,
    context,
    contexts,
    file,
    plan,
    labels,
    given,
    globals,
    platform,
    title,
    outcomes,
    sources,
  };
  for (;;) {
    try {
      return await finish(prepared, { tags, context, others }, parts, onMessage, reporter, signal);
    } catch (e) {
      if (!cacheLost.is(firstFailure(e, parts.log))) throw e;
      const message = messageOf(firstFailure(e, parts.log));
      say(` ---> [Warning] ${message}: building without it\n`);
      reporter.begin({ name: message, metadata: false, line: 0 }).end({ outcome: 'done', why: 'built without it' });
    }
  }
}

/** The steps, the image, its names, and the caches that are to be written. */
async function finish(
  prepared: PreparedBuild,
  { tags, others }: BuildFrame,
  parts: BuildParts,
  onMessage: (m: ProgressMessage) => void,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<BuiltImage> {
  await using undo = new AsyncDisposableStack();
  const { request, file, plan } = prepared;
  const session = await attempt(prepared, parts, onMessage, reporter, undo, signal);
  const result = await session.stage(plan.target.index);
  const unused = unusedBuildArgs(file, request.buildArgs, session.triggerArgs);
  if (unused.length > 0) {
    onMessage({ stream: `[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n` });
  }
  const id = await keepResult(withInlineCache(result, request), tags, session);
  const resultTop = topOf(result);
  if (request.extras?.keepInCache === true && resultTop !== null) await parts.leases.keep(resultTop);
  for (const { stage } of plan.stages) {
    const top = topOf(await session.stage(stage.index));
    if (top !== null && stage !== plan.target && session.remote.isHere(top)) await parts.leases.keep(top);
  }
  const results = [...others.images.map((image) => image.result), result];
  if (others.isLast) await writeCaches(results, session, parts, signal);
  reporter.tell({ kind: 'image', image: id, platform: formatPlatform(prepared.platform) });
  return { id, result, outcomes: session.outcomes.slice(prepared.outcomes.length) };
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false; // one with variables, or one that the build itself will refuse
  }
}

function labelStep(labels: Readonly<Record<string, string>>): Instruction[] {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return [];
  const quoted = pairs.map(([name, value]) => ({ name: quote(name), value: quote(value) }));
  const source = `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`;
  return [{ kind: 'label', pairs: quoted, line: 0, column: 0, lastLine: 0, source }];
}

/** A word that expansion gives back as it is. */
function quote(text: string): string {
  return text
    .split("'")
    .map((part) => `'${part}'`)
    .join(`"'"`);
}

/** @throws {WharfError} `BUILD_STEP_FAILED` at a kind of context that is not known */
function namedContexts({ extras }: BuildRequest): NamedContexts {
  const entries = Object.entries(extras?.namedContexts ?? {}).map(([name, value]): [string, Source] => {
    const [, scheme, rest] = /^(docker-image:\/\/|side:|here:)(.+)$/.exec(value) ?? [];
    if (scheme === undefined || rest === undefined) {
      throw stepFailed({ message: `unsupported build context ${name}: ${value}` });
    }
    const source: Source =
      scheme === 'docker-image://' ? { kind: 'image', reference: rest } : { kind: 'directory', name: rest };
    return [name.toLowerCase(), source];
  });
  return new Map(entries);
}
