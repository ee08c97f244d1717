import type { BuildEvent, BuildOutline, BuildTargets, BuildWarning } from '../../core/wire/build.ts';
import type { ProgressMessage } from '../../core/wire/resources.ts';
import type { CommandContext } from '../command.ts';
import { ExitError } from '../errors.ts';
import { humanSize } from '../format/human.ts';
import { showProgress } from '../progress.ts';
import type { Display } from './display.ts';
import { seconds, ShownSteps } from './display.ts';
import { PlainDisplay } from './plain-display.ts';
import { TerminalDisplay } from './terminal-display.ts';

export type ProgressMode = 'plain' | 'tty' | 'quiet' | 'rawjson';

/** What was built for one platform. */
export interface PlatformImage {
  readonly image: string;
  readonly platform: string;
}

/** What a build has told in the end. */
export interface Shown {
  /** `''`: none was made. */
  readonly imageId: string;
  /** By platform. */
  readonly images: readonly PlatformImage[];
  /** The digest of the manifest or index that was pushed, if it is not the engine's own image. */
  readonly pushed: string | undefined;
  readonly warnings: readonly BuildWarning[];
  readonly failedImage: string | undefined;
  /** Caches that wait to be fetched: their names, by their place among those that were asked for. */
  readonly caches: ReadonlyMap<number, string>;
  /** What a description was asked for gave. */
  readonly outline: BuildOutline | undefined;
  readonly targets: BuildTargets | undefined;
}

const LAST_LINES = 10;

/** `--progress`, else `BUILDKIT_PROGRESS`, else what standard error is. @throws {ExitError} at an unknown one */
export function progressMode(given: string | undefined, quiet: boolean, { env, stderr }: CommandContext): ProgressMode {
  if (quiet) return 'quiet';
  const asked = given ?? (env['BUILDKIT_PROGRESS'] || 'auto');
  if (asked === 'auto') return stderr.isTTY === true ? 'tty' : 'plain';
  if (asked === 'plain' || asked === 'quiet' || asked === 'rawjson' || asked === 'tty') return asked;
  if (asked === 'none') return 'quiet';
  throw new ExitError(
    `invalid progress mode ${JSON.stringify(asked)}: it has to be auto, plain, tty, quiet or rawjson`,
    1,
  );
}

/**
 * Shows a build while it runs, on standard error. An engine that tells no events is shown as the classic builder is.
 * @throws {ExitError} with the exit code of a command that failed, after its last output was shown
 */
export async function showBuild(
  messages: AsyncIterable<ProgressMessage>,
  mode: ProgressMode,
  options: { readonly explain: boolean; readonly tags: readonly string[] },
  context: CommandContext,
): Promise<Shown> {
  const { explain, tags } = options;
  const { stderr } = context;
  const seen = new ShownSteps();
  const warnings: BuildWarning[] = [];
  const display = displayOf(mode, context);
  let imageId = '';
  const images: PlatformImage[] = [];
  let pushed: string | undefined;
  const caches = new Map<number, string>();
  let excerpt = '';
  let failedImage: string | undefined;
  let outline: BuildOutline | undefined;
  let targets: BuildTargets | undefined;
  let classic = '';
  const take = (event: BuildEvent): void => {
    seen.take(event);
    if (event.kind === 'warning') warnings.push(event);
    else if (event.kind === 'image') images.push(event);
    else if (event.kind === 'pushed') pushed = event.digest;
    else if (event.kind === 'failure') ({ excerpt, image: failedImage } = event);
    else if (event.kind === 'cache-export') {
      if (event.waiting !== '') caches.set(event.index, event.waiting);
    } else if (event.kind === 'outline') ({ outline } = event);
    else if (event.kind === 'targets') ({ targets } = event);
    display?.event(event);
  };
  const onAux = (aux: unknown): void => {
    if (typeof aux !== 'object' || aux === null) return;
    if ('Wharf' in aux) take(aux.Wharf as BuildEvent);
    else if ('ID' in aux && typeof aux.ID === 'string') imageId = aux.ID;
  };
  async function* others(): AsyncGenerator<ProgressMessage> {
    for await (const message of messages) {
      if (message.aux !== undefined) onAux(message.aux);
      else if (mode === 'quiet' && message.error === undefined) classic += message.stream ?? '';
      else yield message;
    }
  }
  try {
    await showProgress(others(), context.stdout);
    if (imageId !== '' && images.length < 2) for (const event of exportEvents(imageId, tags)) display?.event(event);
    display?.end();
  } catch (e) {
    display?.end();
    for (const line of failureLines(seen, excerpt)) stderr.write(`${line}\n`);
    const code = exitCodeOf(e);
    if (failedImage !== undefined) await lookInside(failedImage, context);
    else if (code !== undefined && mode === 'tty') stderr.write('to look inside, add --debug-shell\n');
    throw code === undefined ? e : new ExitError((e as Error).message, code, e);
  }
  if (imageId === '' && mode === 'quiet') imageId = classic.trim();
  if (warnings.length > 0 && (mode === 'plain' || mode === 'tty')) {
    stderr.write(
      `${mode === 'tty' ? '\n' : ''} ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found (--check tells more):\n`,
    );
    for (const w of warnings) stderr.write(` - ${w.rule}: ${w.message} (line ${w.line}:${w.column})\n`);
  }
  if (explain) await context.print(explanation(seen));
  return { imageId, images, pushed, warnings, failedImage, caches, outline, targets };
}

function displayOf(mode: ProgressMode, { stderr, env }: CommandContext): Display | undefined {
  switch (mode) {
    case 'plain':
      return new PlainDisplay((text) => void stderr.write(text));
    case 'tty':
      return new TerminalDisplay(stderr, !env['NO_COLOR']);
    case 'rawjson':
      return { event: (event) => void stderr.write(`${JSON.stringify(event)}\n`), end: () => undefined };
    case 'quiet':
      return undefined;
  }
}

/** A shell in what the failed command left; without a terminal, how to get there. */
async function lookInside(image: string, context: CommandContext): Promise<void> {
  const { stdin, stdout, stderr, client } = context;
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    stderr.write(`what the command left is an image: wharf run -it --rm --entrypoint sh ${image}\n`);
    return;
  }
  stderr.write('a shell in what the command left; leave it with "exit"\n');
  const { run } = await import('../commands/run.ts');
  const { parseFlags } = await import('../flags.ts');
  try {
    await run.run(parseFlags(run.options, ['-it', '--rm', '--entrypoint', 'sh', image], false), context);
  } finally {
    await client.images.remove(image).catch(() => undefined);
  }
}

/** The end of a build, as a step of its own. */
function exportEvents(image: string, tags: readonly string[]): BuildEvent[] {
  const id = Number.MAX_SAFE_INTEGER;
  const transfers = [`writing image ${image}`, ...tags.map((tag) => `naming to ${tag}`)];
  return [
    { kind: 'step', id, name: 'exporting to image', metadata: false, line: 0 },
    ...transfers.map((status): BuildEvent => ({ kind: 'transfer', id, what: '', status })),
    { kind: 'done', id, outcome: 'done', ms: 0, why: '' },
  ];
}

/** The last output of the step that failed, and the lines of the Dockerfile around it. */
function failureLines(seen: ShownSteps, excerpt: string): string[] {
  // One that only lost a cache is not why a build failed.
  const failed = [...seen.steps.values()].findLast((step) => step.done?.outcome === 'failed');
  const rule = '-'.repeat(6);
  const output =
    failed === undefined || failed.lines.length === 0
      ? []
      : [rule, ` > ${failed.name}:`, ...failed.lines.slice(-LAST_LINES), rule];
  return [...output, ...(excerpt === '' ? [] : [excerpt.trimEnd()])];
}

/** A failing RUN gives its own exit code. */
function exitCodeOf(e: unknown): number | undefined {
  const m = e instanceof Error ? /returned a non-zero code: (\d+)/.exec(e.message) : null;
  return m === null ? undefined : Number(m[1]);
}

/** For each step: whether it was cached, why, how long it took, and what its layer adds. */
function explanation(seen: ShownSteps): string {
  let total = 0;
  const rows = [...seen.steps.values()].flatMap((step) => {
    const { done } = step;
    if (done === undefined || step.name.startsWith('[internal]')) return [];
    total += done.layerBytes ?? 0;
    const how = done.outcome === 'cached' ? 'cached' : 'made  ';
    const size = done.layerBytes === undefined ? '-' : humanSize(done.layerBytes);
    return [
      `${how}  ${size.padStart(9)}  ${seconds(done.ms).padStart(7)}  ${step.name}\n${' '.repeat(30)}${done.why}\n`,
    ];
  });
  return `${'HOW'.padEnd(8)}${'LAYER'.padStart(9)}  ${'TIME'.padStart(7)}  STEP\n${rows.join('')}${'sum'.padEnd(8)}${humanSize(total).padStart(9)}\n`;
}

/** The findings of `--check` in full, each with its lines. */
export function checkReport(warnings: readonly BuildWarning[], file: string, lines: readonly string[]): string {
  if (warnings.length === 0) return 'Check complete, no warnings found.\n';
  const blocks = warnings.map((w) => {
    const { lastLine = w.line } = w;
    const from = Math.max(1, w.line - 2);
    const shown = lines.slice(from - 1, lastLine + 2).map((text, i) => {
      const n = from + i;
      return `${String(n).padStart(4)} | ${n >= w.line && n <= lastLine ? '>>>' : '   '} ${text}`.trimEnd();
    });
    const rule = '-'.repeat(20);
    return `\nWARNING: ${w.rule} - ${w.url}\n${w.message}\n\n${file}:${w.line}:${w.column}\n${[rule, ...shown, rule].join('\n')}\n`;
  });
  const count = `${warnings.length} warning${warnings.length === 1 ? ' has' : 's have'} been found!`;
  return `Check complete, ${count}\n${blocks.join('')}`;
}
