import { resolve } from 'node:path';
import { nearest } from '../core/nearest.ts';
import { messageOf, WharfError } from '../core/errors.ts';
import { createClient, type Client } from '../client/index.ts';
import { VERSION } from '../core/version.ts';
import { CATALOG, findCommand, GROUPS, type Entry } from './catalog.ts';
import type { CliIo, CommandContext } from './command.ts';
import { hoistRootFlags } from './compose-words.ts';
import { proxyVariables, readConfig, type ConfigFile } from './config/config-file.ts';
import { endpointOf, type Endpoint } from './connection.ts';
import { errorText, ExitError, UsageError } from './errors.ts';
import { flag, parseFlags, type Flags, type Values } from './flags.ts';

const GLOBALS = {
  config: flag.string('--config', 'Location of client config files'),
  context: flag.string(
    '-c, --context',
    'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "wharf context use")',
  ),
  debug: flag.bool('-D, --debug', 'Enable debug mode'),
  hosts: flag.list('-H, --host', 'Engine to connect to: unix:///path, tcp://host:port or ssh://user@host'),
  logLevel: flag.string('-l, --log-level', 'Set the logging level ("debug", "info", "warn", "error", "fatal")', {
    default: '"info"',
  }),
  tls: flag.bool('--tls', 'Use TLS; implied by --tlsverify'),
  tlsCa: flag.string('--tlscacert', 'Trust certs signed only by this CA'),
  tlsCert: flag.string('--tlscert', 'Path to TLS certificate file'),
  tlsKey: flag.string('--tlskey', 'Path to TLS key file'),
  tlsVerify: flag.bool('--tlsverify', 'Use TLS and verify the remote'),
  version: flag.bool('-v, --version', 'Print version information and quit'),
} satisfies Flags;

/** Runs `wharf ARGV`; resolves to the exit code. Failures are printed, never thrown. */
export async function runCli(argv: readonly string[], given: CliIo): Promise<number> {
  let io = given;
  const warn = (line: string) => void io.stderr.write(`${line}\n`);
  const print = printerOf(io);
  let path = 'wharf';
  try {
    const parsed = parseFlags(GLOBALS, argv, false);
    const words = parsed.args;
    const { config: folder } = parsed.options;
    if (folder !== undefined) io = withEnv(given, { ...given.env, DOCKER_CONFIG: resolve(given.cwd, folder) });
    if (parsed.options.version) {
      await print(`Wharf version ${VERSION}\n`);
      return 0;
    }
    checkLogLevel(parsed.options.logLevel);
    const first = words[0];
    if (first === undefined || (parsed.help && words.length === 0)) return await printHelp(print, []);
    if (first === 'help') return await printHelp(print, words.slice(1));
    if (first === 'compose') {
      const { root, rest } = hoistRootFlags(words.slice(1));
      if (root.length > 0)
        return await runCli([...argv.slice(0, argv.length - words.length), ...root, 'compose', ...rest], given);
    }
    const config = configReader(io, warn);
    const completes = first === '__complete';
    const flags = completes ? optionsWithin(words.slice(1)) : parsed.options;
    const endpoint = await endpointOf(flags, io.env, config);
    const connect = connector(endpoint, config);
    if (first === 'compose') {
      const { composeCommand } = await import('../compose/index.ts');
      return await composeCommand(words.slice(1), {
        stdin: io.stdin,
        stdout: io.stdout,
        stderr: io.stderr,
        env: io.env,
        cwd: io.cwd,
        get signal() {
          return io.signal;
        },
        connect,
        onSignals: io.onSignals,
        formatRows: async (rows, layout, format) =>
          (await import('./format/formatter.ts')).formatRows(rows, layout, { format }),
        engineCommand: (args) => runCli([...argv.slice(0, argv.length - words.length), ...args], given),
      });
    }
    const found = findCommand(words);
    if (found === undefined && !completes) return await unknownCommand(words, io, print);
    path = `wharf ${words.slice(0, found?.length).join(' ')}`;
    const rest = words.slice(found?.length);
    // Not spread: stdin and the abort signal are touched only by commands that use them.
    const context: CommandContext = {
      get stdin() {
        return io.stdin;
      },
      get signal() {
        return io.signal;
      },
      stdout: io.stdout,
      stderr: io.stderr,
      env: io.env,
      cwd: io.cwd,
      program: io.program,
      onSignals: io.onSignals,
      path,
      print,
      warn,
      get config() {
        return config();
      },
      contextName: endpoint.context,
      get client() {
        return connect();
      },
    };
    if (found === undefined) return await printCompletion(words.slice(1), context);
    try {
      return await runEntry(found.entry, parsed.help ? ['--help'] : rest, context);
    } catch (e) {
      const code = report(e, path, io, warn);
      if (code !== 0 && code !== 130) {
        const { suggestionFor } = await import('./suggest.ts');
        const near = await suggestionFor(e, context);
        if (near !== undefined) warn(near);
      }
      return code;
    }
  } catch (e) {
    return report(e, path, io, warn);
  }
}

async function runEntry(entry: Entry, words: readonly string[], context: CommandContext): Promise<number> {
  const command = await entry.load();
  const { path } = context;
  let parsed;
  try {
    parsed = parseFlags(command.options, words, command.interspersed ?? true);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    const { usageOf } = await import('./help.ts');
    context.warn(e.message);
    if (e.hint !== undefined) context.warn(e.hint);
    context.warn(`\n${usageOf(path, command)}\n\nRun '${path} --help' for more information`);
    return e.exitCode;
  }
  if (parsed.help) {
    const { commandHelp } = await import('./help.ts');
    await context.print(commandHelp(path, entry, command));
    return 0;
  }
  const { min, max } = command.arity;
  if (parsed.args.length < min || parsed.args.length > max) {
    const { arityError, usageOf } = await import('./help.ts');
    const what = arityError(path, command.arity, parsed.args.length) ?? '';
    context.warn(
      `wharf: ${what}\n\n${usageOf(path, command)}\n\n${max === Infinity ? 'See' : 'Run'} '${path} --help' for more information`,
    );
    return 1;
  }
  return command.run(parsed, context);
}

/** There is no log here; what docker refuses is refused all the same. */
function checkLogLevel(level: string | undefined): void {
  if (level === undefined || /^(trace|debug|info|warn|warning|error|fatal|panic)$/i.test(level)) return;
  throw new ExitError(`Unable to parse logging level: ${level}`, 1);
}

/** The global options in a command line that is still being typed. */
function optionsWithin(words: readonly string[]): Values<typeof GLOBALS> {
  try {
    return parseFlags(GLOBALS, words, false).options;
  } catch {
    return parseFlags(GLOBALS, [], false).options;
  }
}

/** `__complete WORD...`, which the shells' completion calls: the kind of what follows, then `WORD<tab>MEANING` lines. */
async function printCompletion(words: readonly string[], context: CommandContext): Promise<number> {
  const { complete } = await import('./completion/complete.ts');
  const { kind, candidates } = await complete(words, GLOBALS, context);
  await context.print([`:${kind}`, ...candidates.map((c) => `${c.word}\t${c.about}`), ''].join('\n'));
  return 0;
}

/** One client for the whole run, made when it is first needed. */
function connector(endpoint: Endpoint, config: () => ConfigFile): () => Client {
  let client: Client | undefined;
  return () => {
    if (client !== undefined) return client;
    const options = endpoint.options();
    try {
      const proxies = () => proxyVariables(config(), options.host, []);
      return (client = createClient({ ...options, proxies }));
    } catch (e) {
      throw new ExitError(`Failed to initialize: unable to resolve docker endpoint: ${messageOf(e)}`, 1, e);
    }
  };
}

/** Reads the configuration once. A broken file is said and passed over: only what writes it must insist. */
function configReader(io: CliIo, warn: (line: string) => void): () => ConfigFile {
  let config: ConfigFile | undefined;
  return () => {
    if (config !== undefined) return config;
    try {
      config = readConfig(io.env);
    } catch (e) {
      warn(`WARNING: Error loading config file: ${messageOf(e)}`);
      config = {};
    }
    return config;
  };
}

/** Not spread: streams and the signal stay untouched until somebody uses them. */
function withEnv(io: CliIo, env: CliIo['env']): CliIo {
  return Object.create(io, { env: { value: env, enumerable: true } }) as CliIo;
}

async function printHelp(print: CommandContext['print'], words: readonly string[]): Promise<number> {
  const help = await import('./help.ts');
  const found = findCommand(words);
  if (found !== undefined) {
    const command = await found.entry.load();
    await print(help.commandHelp(`wharf ${words.slice(0, found.length).join(' ')}`, found.entry, command));
  } else if (words[0] !== undefined && words[0] in GROUPS && words[0] !== 'compose') {
    await print(help.groupHelp(words[0]));
  } else {
    await print(help.mainHelp(GLOBALS));
  }
  return 0;
}

async function unknownCommand(words: readonly string[], io: CliIo, print: CommandContext['print']): Promise<number> {
  const [group = '', word] = words;
  const inGroup = group in GROUPS;
  if (inGroup && (word === undefined || word === '--help' || word === '-h')) {
    const { groupHelp } = await import('./help.ts');
    if (word === undefined) io.stderr.write(groupHelp(group));
    else await print(groupHelp(group));
    return 0;
  }
  const typed = inGroup ? (word ?? '') : group;
  const known = CATALOG.flatMap((e) => e.paths).flatMap((p) => {
    if (inGroup) return p.startsWith(`${group} `) ? [p.slice(group.length + 1)] : [];
    return p.includes(' ') ? [] : [p];
  });
  const near = nearest(typed, inGroup ? known : [...known, ...Object.keys(GROUPS)]);
  const program = inGroup ? `wharf ${group}` : 'wharf';
  io.stderr.write(`wharf: unknown command: ${program} ${typed}\n`);
  if (near !== undefined) io.stderr.write(`Did you mean '${program} ${near}'?\n`);
  io.stderr.write(`\n${inGroup ? `Usage:  ${program}\n\n` : ''}Run '${program} --help' for more information\n`);
  return 1;
}

/** Prints what went wrong; the exit code for it. */
function report(e: unknown, path: string, io: CliIo, warn: (line: string) => void): number {
  if (io.env['WHARF_DEBUG'] && e instanceof Error) warn(e.stack ?? e.message);
  if (e instanceof UsageError) {
    warn(e.message);
    if (e.hint !== undefined) warn(e.hint);
    warn(`\nUsage:  wharf [OPTIONS] COMMAND [ARG...]\n\nRun '${path} --help' for more information`);
    return e.exitCode;
  }
  if (e instanceof ExitError) {
    if (e.message !== '') warn(e.message);
    return e.exitCode;
  }
  if (io.signal.aborted) return 130;
  warn(errorText(e));
  if (e instanceof WharfError && e.context.hint !== undefined) warn(`hint: ${e.context.hint}`);
  return 1;
}

function printerOf(io: CliIo): CommandContext['print'] {
  return (text) => {
    if (text === '' || io.stdout.write(text)) return Promise.resolve();
    return new Promise((resolve) => void io.stdout.once('drain', resolve));
  };
}
