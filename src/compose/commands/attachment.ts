import { Writable } from 'node:stream';
import { didYouMean } from '../../core/nearest.ts';
import { messageOf } from '../../core/errors.ts';
import { Attached } from '../apply/attached.ts';
import { Menu } from '../apply/menu.ts';
import { nameOf, serviceContainers } from '../apply/observe.ts';
import { stopAll } from '../apply/stop.ts';
import type { Context } from '../context.ts';
import { composeUsage } from '../errors.ts';
import type { Project } from '../model/project.ts';
import { LogPrinter } from '../output/log-printer.ts';
import { displayName } from '../plan/names.ts';
import { watching } from './watch.ts';

/** An attached `up`: its output, its end, and what to do then. */
export interface Attachment {
  /** Aborted by Ctrl-C as a key of the menu. */
  readonly interrupted: AbortSignal;
  readonly hookOutput: (container: string, text: Buffer) => void;
  begin(): Promise<void>;
  abandon(): Promise<void>;
  watch(project: Project, timeoutSeconds: number | undefined): Promise<number>;
}

export function attachmentFor(
  context: Context,
  project: Project,
  named: readonly string[],
  selected: ReadonlySet<string>,
  flags: {
    readonly attach: readonly string[];
    readonly noAttach: readonly string[];
    readonly attachDependencies: boolean;
    readonly noColor: boolean;
    readonly noLogPrefix: boolean;
    readonly timestamps: boolean;
    readonly abortOnContainerExit: boolean;
    readonly abortOnContainerFailure: boolean;
    readonly exitCodeFrom: string | undefined;
    readonly quietBuild: boolean;
    readonly watch: boolean;
    readonly menu: boolean;
  },
): Attachment {
  const { client, io } = context;
  const base =
    flags.attach.length > 0
      ? flags.attach
      : named.length > 0 && !flags.attachDependencies
        ? named
        : [...selected].filter((s) => project.services[s]?.attach !== false);
  const stranger = flags.attach.find((s) => !selected.has(s));
  if (stranger !== undefined)
    throw composeUsage({
      message: `cannot attach to services not included in up: ${stranger}${didYouMean(stranger, selected)}`,
    });
  const wanted = new Set(base.filter((s) => !flags.noAttach.includes(s)));
  // Nobody's output is wanted: all are waited for in silence.
  const silent = wanted.size === 0;
  const shown = silent ? selected : wanted;
  const interrupted = new AbortController();
  const detaching = new AbortController();
  let watch: AbortController | undefined;
  const toggleWatch = (): boolean => {
    if (watch) {
      watch.abort();
      watch = undefined;
      return false;
    }
    const mine = new AbortController();
    watch = mine;
    const names = named.length > 0 ? named : Object.keys(project.services);
    const signal = AbortSignal.any([io.signal, interrupted.signal, mine.signal]);
    const say = (text: string): void => void (menu?.stderr ?? io.stderr).write(text);
    watching(context, project, names, { quiet: flags.quietBuild, prune: true, signal, say }).catch((e: unknown) => {
      if (watch === mine) {
        watch = undefined;
        menu?.setWatching(false);
      }
      say(`${messageOf(e)}\n`);
    });
    return true;
  };
  const menu = flags.menu
    ? new Menu(io, flags.watch, {
        interrupt: () => interrupted.abort(),
        detach: () => detaching.abort(),
        toggleWatch,
      })
    : undefined;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const [out, err] = silent ? [nowhere, nowhere] : [menu?.stdout ?? io.stdout, menu?.stderr ?? io.stderr];
  const printer = new LogPrinter(out, err, {
    prefix: !flags.noLogPrefix,
    colour: !flags.noColor && context.colour,
    timestamps: flags.timestamps,
  });
  const aborts = flags.abortOnContainerExit || flags.exitCodeFrom !== undefined;
  let exitCode: number | undefined;
  const enough = new AbortController();
  const attached = new Attached(client, project.name, printer, shown, ({ service, exitCode: code }) => {
    const triggers = aborts || (flags.abortOnContainerFailure && code !== 0);
    if (flags.exitCodeFrom !== undefined ? service === flags.exitCodeFrom : triggers) exitCode ??= code;
    if (triggers) enough.abort();
  });
  return {
    interrupted: interrupted.signal,
    hookOutput(container, text) {
      const source = printer.source(`${displayName(project.name, container)} ->`, 'stdout');
      source.push(text);
      source.end();
    },
    async begin() {
      const containers = await serviceContainers(client, project.name, [...shown]);
      const names = containers.map((c) => displayName(project.name, nameOf(c)));
      io.stdout.write(`Attaching to ${silent ? '' : names.join(', ')}\n`);
      menu?.open();
      await attached.attach(containers);
    },
    async abandon() {
      menu?.close();
      await attached.finish();
    },
    async watch(current, timeoutSeconds) {
      if (flags.watch) toggleWatch();
      const stopping = AbortSignal.any([io.signal, interrupted.signal, enough.signal]);
      await Promise.race([attached.untilAllEnded(), aborted(stopping), aborted(detaching.signal)]);
      menu?.close();
      if (stopping.aborted) {
        io.stderr.write(
          io.signal.aborted || interrupted.signal.aborted
            ? 'Gracefully Stopping... press Ctrl+C again to force\n'
            : 'Aborting on container exit...\n',
        );
        using progress = context.progress('Stopping', { lines: true });
        await stopOrKill(context, current, [...selected], progress, timeoutSeconds);
        progress.close();
        attached.forgetUnstarted();
        await attached.untilAllEnded();
        if (flags.exitCodeFrom !== undefined) exitCode ??= await exitCodeOf(context, current.name, flags.exitCodeFrom);
      }
      watch?.abort();
      await attached.finish();
      return io.signal.aborted ? 130 : (exitCode ?? 0);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Stops services gracefully; a second Ctrl-C kills them. */
async function stopOrKill(
  context: Context,
  project: Project,
  services: readonly string[],
  progress: ReturnType<Context['progress']>,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const containers = await serviceContainers(context.client, project.name, services);
  const kill = (): void => {
    for (const c of containers) context.client.containers.kill(c.Id).catch(() => undefined);
  };
  const giveBack = context.io.onSignals?.(['SIGINT', 'SIGTERM'], kill);
  try {
    await stopAll(context.client, project, containers, progress, timeoutSeconds);
  } finally {
    giveBack?.();
  }
}

async function exitCodeOf(context: Context, project: string, service: string): Promise<number> {
  const [container] = await serviceContainers(context.client, project, [service]);
  return container ? (await context.client.containers.inspect(container.Id)).State.ExitCode : 0;
}
