import { ApiError } from '../client/index.ts';
import { excerpt } from './excerpt.ts';
import { didYouMean } from '../core/nearest.ts';
import { messageOf, WharfError } from '../core/errors.ts';
import { whileAnswering } from './apply/answering.ts';
import type { Command } from './context.ts';
import type { GlobalFlags } from './context.ts';
import { Context, GLOBAL_FLAGS } from './context.ts';
import { composeUsage, ExitWith } from './errors.ts';
import { flagHelp, parseFlags, wholeNumber } from './flags.ts';
import type { ComposeIo } from './io.ts';

/** Every command with its line of help; the code of one is loaded when it is called. */
const COMMANDS: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ readonly default: Command }> }>
> = {
  attach: {
    summary: "Attach local standard input, output, and error streams to a service's running container",
    load: async () => asCommand(await import('./commands/attach.ts')),
  },
  build: { summary: 'Build or rebuild services', load: async () => asCommand(await import('./commands/build.ts')) },
  commit: {
    summary: "Create a new image from a service container's changes",
    load: async () => asCommand(await import('./commands/commit.ts')),
  },
  config: {
    summary: 'Parse, resolve and render compose file in canonical format',
    load: async () => asCommand(await import('./commands/config.ts')),
  },
  cp: {
    summary: 'Copy files/folders between a service container and the local filesystem',
    load: async () => asCommand(await import('./commands/cp.ts')),
  },
  create: {
    summary: 'Creates containers for a service',
    load: async () => asCommand(await import('./commands/create.ts')),
  },
  down: {
    summary: 'Stop and remove containers, networks',
    load: async () => asCommand(await import('./commands/down.ts')),
  },
  events: {
    summary: 'Receive real time events from containers',
    load: async () => asCommand(await import('./commands/events.ts')),
  },
  exec: {
    summary: 'Execute a command in a running container',
    load: async () => asCommand(await import('./commands/exec.ts')),
  },
  explain: {
    summary: 'Show where a value of the project comes from',
    load: async () => asCommand(await import('./commands/explain.ts')),
  },
  export: {
    summary: "Export a service container's filesystem as a tar archive",
    load: async () => asCommand(await import('./commands/export.ts')),
  },
  'from-run': {
    summary: 'Write a Compose file for a run command',
    load: async () => asCommand(await import('./commands/from-run.ts')),
  },
  graph: {
    summary: 'Draw services, networks, volumes and ports',
    load: async () => asCommand(await import('./commands/graph.ts')),
  },
  images: {
    summary: 'List images used by the created containers',
    load: async () => asCommand(await import('./commands/images.ts')),
  },
  kill: { summary: 'Force stop service containers', load: async () => asCommand(await import('./commands/kill.ts')) },
  lint: {
    summary: 'Find what is risky or out of date in the files',
    load: async () => asCommand(await import('./commands/lint.ts')),
  },
  logs: { summary: 'View output from containers', load: async () => asCommand(await import('./commands/logs.ts')) },
  ls: { summary: 'List running compose projects', load: async () => asCommand(await import('./commands/ls.ts')) },
  pause: { summary: 'Pause services', load: async () => asCommand(await import('./commands/pause.ts')) },
  plan: {
    summary: 'Show what up would do, and why',
    load: async () => asCommand(await import('./commands/plan.ts')),
  },
  port: {
    summary: 'Print the public port for a port binding',
    load: async () => asCommand(await import('./commands/port.ts')),
  },
  ps: { summary: 'List containers', load: async () => asCommand(await import('./commands/ps.ts')) },
  publish: {
    summary: 'Publish compose application (not supported)',
    load: async () => asCommand(await import('./commands/publish.ts')),
  },
  pull: { summary: 'Pull service images', load: async () => asCommand(await import('./commands/pull.ts')) },
  push: { summary: 'Push service images', load: async () => asCommand(await import('./commands/push.ts')) },
  restart: {
    summary: 'Restart service containers',
    load: async () => asCommand(await import('./commands/restart.ts')),
  },
  rm: { summary: 'Removes stopped service containers', load: async () => asCommand(await import('./commands/rm.ts')) },
  run: {
    summary: 'Run a one-off command on a service',
    load: async () => asCommand(await import('./commands/run.ts')),
  },
  scale: { summary: 'Scale services', load: async () => asCommand(await import('./commands/scale.ts')) },
  start: { summary: 'Start services', load: async () => asCommand(await import('./commands/start.ts')) },
  stats: {
    summary: 'Display a live stream of container(s) resource usage statistics',
    load: async () => asCommand(await import('./commands/stats.ts')),
  },
  stop: { summary: 'Stop services', load: async () => asCommand(await import('./commands/stop.ts')) },
  'to-run': {
    summary: 'Write the run command for a service',
    load: async () => asCommand(await import('./commands/to-run.ts')),
  },
  top: { summary: 'Display the running processes', load: async () => asCommand(await import('./commands/top.ts')) },
  unpause: { summary: 'Unpause services', load: async () => asCommand(await import('./commands/unpause.ts')) },
  up: { summary: 'Create and start containers', load: async () => asCommand(await import('./commands/up.ts')) },
  version: {
    summary: 'Show the Compose version information',
    load: async () => asCommand(await import('./commands/version.ts')),
  },
  viz: {
    summary: 'Generate a graphviz graph from your compose file',
    load: async () => asCommand(await import('./commands/viz.ts')),
  },
  volumes: { summary: 'List volumes', load: async () => asCommand(await import('./commands/volumes.ts')) },
  wait: {
    summary: 'Block until containers of all (or specified) services stop',
    load: async () => asCommand(await import('./commands/wait.ts')),
  },
  watch: {
    summary: 'Watch build context for service and rebuild/refresh containers when files are updated',
    load: async () => asCommand(await import('./commands/watch.ts')),
  },
};
/** Commands that cannot be tried without doing them: what follows depends on what a container does. */
const NOT_DRY: ReadonlySet<string> = new Set(['attach', 'exec', 'run', 'wait', 'watch']);
const ALIASES: Readonly<Record<string, string>> = { convert: 'config' };

/** Narrows a command to what the dispatcher knows of it. */
function asCommand(module: { readonly default: unknown }): { readonly default: Command } {
  return module as { readonly default: Command };
}

/** Runs one command; prints what goes wrong as one line on stderr. */
export async function runCompose(argv: readonly string[], io: ComposeIo): Promise<number> {
  let json = false;
  try {
    const { flags: globals, args } = parseFlags(argv, GLOBAL_FLAGS, true);
    json = globals.progress === 'json';
    // Commands that were once tried out live on under their own names.
    const [first, ...rest] = args[0] === 'alpha' && args.length > 1 ? args.slice(1) : args;
    checkGlobals(globals, io.env);
    if (globals.version) return await call('version', [], new Context(io, globals));
    if (first === undefined || (globals.help && first === undefined)) return help(io);
    if (first === 'help') return rest[0] === undefined ? help(io) : await commandHelp(rest[0], io);
    const name = ALIASES[first] ?? first;
    if (!Object.hasOwn(COMMANDS, name)) {
      throw composeUsage({
        message: `unknown docker command: "compose ${first}"${didYouMean(first, Object.keys(COMMANDS))}`,
      });
    }
    if (globals.help) return await commandHelp(name, io);
    return await call(name, rest, new Context(io, globals));
  } catch (e) {
    if (e instanceof ExitWith) return e.exitCode;
    if (io.signal.aborted) return 130;
    const text = describeError(e, json ? undefined : io.cwd);
    io.stderr.write(json ? `${JSON.stringify({ error: true, message: text })}\n` : `${text}\n`);
    return 1;
  }
}

/** What is wrong with the flags that stand before every command, also where the command would not look at them. */
function checkGlobals(globals: GlobalFlags, env: ComposeIo['env']): void {
  const ansi = globals.ansi ?? env['COMPOSE_ANSI'];
  const progress = globals.progress ?? env['COMPOSE_PROGRESS'];
  if (progress !== undefined && !['auto', 'tty', 'plain', 'json', 'quiet', 'none', ''].includes(progress))
    throw composeUsage({ message: `unsupported --progress value "${progress}"` });
  if (ansi === 'never' && progress === 'tty')
    throw composeUsage({ message: "can't use --progress tty while ANSI support is disabled" });
  if (ansi === 'always' && progress === 'plain')
    throw composeUsage({ message: "can't use --progress plain while ANSI support is forced" });
  wholeNumber(globals.parallel, '--parallel');
  const limit = env['COMPOSE_PARALLEL_LIMIT'] ?? '';
  if (!/^(-?\d+)?$/.test(limit))
    throw composeUsage({ message: `COMPOSE_PARALLEL_LIMIT must be an integer (found: ${JSON.stringify(limit)})` });
}

async function call(name: string, argv: readonly string[], context: Context): Promise<number> {
  const command = await find(name);
  const flags = {
    ...command.flags,
    help: { names: '-h, --help', help: 'Show this help' },
    dryRun: { names: '--dry-run', help: 'Execute command in dry run mode' },
  };
  const conflicts = Object.values(command.flags).some((f) => /(^|, )-h(,|$)/.test(f.names));
  const parsed = parseFlags(argv, conflicts ? { ...command.flags, dryRun: flags.dryRun } : flags, command.stopAtFirst);
  if ((parsed.flags as { help?: boolean }).help === true) return await commandHelp(name, context.io);
  if (context.globals.dryRun || (parsed.flags as { dryRun?: boolean }).dryRun === true) {
    if (NOT_DRY.has(name)) throw composeUsage({ message: `--dry-run is not supported for ${name}` });
    context.dry = true;
  }
  return await whileAnswering(() => context.connected, command.run(context, parsed));
}

async function find(name: string): Promise<Command> {
  const entry = COMMANDS[name];
  if (!entry)
    throw composeUsage({
      message: `unknown docker command: "compose ${name}"${didYouMean(name, Object.keys(COMMANDS))}`,
    });
  return (await entry.load()).default;
}

function help(io: ComposeIo): number {
  const width = Math.max(...Object.keys(COMMANDS).map((n) => n.length)) + 2;
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`);
  io.stdout.write(
    `Usage:  wharf compose [OPTIONS] COMMAND\n\nDefine and run multi-container applications\n\nOptions:\n${flagHelp(GLOBAL_FLAGS)}\n\nCommands:\n${commands.join('\n')}\n\nRun 'wharf compose COMMAND --help' for more information on a command.\n`,
  );
  return 0;
}

async function commandHelp(name: string, io: ComposeIo): Promise<number> {
  const command = await find(ALIASES[name] ?? name);
  const options = Object.keys(command.flags).length === 0 ? '' : `\nOptions:\n${flagHelp(command.flags)}\n`;
  io.stdout.write(`Usage:  wharf compose ${command.usage}\n\n${command.summary}\n${options}`);
  return 0;
}

/** One line: where, what, and what to do about it; below it the line of the file, if it is looked for from `cwd`. */
function describeError(e: unknown, cwd: string | undefined): string {
  if (e instanceof ApiError) return `Error response from daemon: ${e.message}`;
  if (!(e instanceof WharfError)) return messageOf(e);
  const { at, hint } = e.context;
  const place = at === undefined ? '' : `${at.file}:${at.line}:${at.column}: `;
  const shown = at === undefined || cwd === undefined ? '' : excerpt(at, cwd);
  return `${place}${e.message}${hint === undefined ? '' : `; ${hint}`}${shown}`;
}
