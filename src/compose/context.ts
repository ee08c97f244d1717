import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Client } from '../client/index.ts';
import { dryRun } from './apply/dry-run.ts';
import { didYouMean } from '../core/nearest.ts';
import { composeFailed, composeUsage } from './errors.ts';
import type { Flag, Flags, Parsed, ParseResult } from './flags.ts';
import { isTrue, wholeNumber } from './flags.ts';
import type { ComposeIo, FormatLayout, FormatRow } from './io.ts';
import type { LoadOptions, Surroundings } from './load/index.ts';
import { loadProject, loadProjectName } from './load/index.ts';
import type { Project } from './model/project.ts';
import { nodeFiles } from './node-files.ts';
import type { ProgressMode } from './output/progress.ts';
import { Progress } from './output/progress.ts';

export const GLOBAL_FLAGS = {
  allResources: { names: '--all-resources', help: 'Include all resources, even those not used by services' },
  ansi: {
    names: '--ansi',
    value: 'string',
    help: 'Control when to print ANSI control characters ("never"|"always"|"auto")',
  },
  compatibility: { names: '--compatibility', help: 'Run compose in backward compatibility mode' },
  dryRun: { names: '--dry-run', help: 'Execute command in dry run mode' },
  envFile: { names: '--env-file', value: 'stringArray', many: true, help: 'Specify an alternate environment file' },
  file: { names: '-f, --file', value: 'stringArray', many: true, help: 'Compose configuration files' },
  parallel: { names: '--parallel', value: 'int', help: 'Control max parallelism, -1 for unlimited' },
  profile: { names: '--profile', value: 'stringArray', many: true, help: 'Specify a profile to enable' },
  progress: {
    names: '--progress',
    value: 'string',
    help: 'Set type of progress output (auto, tty, plain, json, quiet)',
  },
  projectDirectory: { names: '--project-directory', value: 'string', help: 'Specify an alternate working directory' },
  projectName: { names: '-p, --project-name', value: 'string', help: 'Project name' },
  help: { names: '-h, --help', help: 'Show this help', hidden: true },
  version: { names: '-v, --version', help: 'Show the version', hidden: true },
  verbose: { names: '--verbose', help: 'Show more output', hidden: true },
  noAnsi: { names: '--no-ansi', help: 'Do not print ANSI control characters', hidden: true },
  workdir: { names: '--workdir', value: 'string', help: 'Old name of --project-directory', hidden: true },
  skipHostnameCheck: { names: '--skip-hostname-check', help: 'Ignored', hidden: true },
} satisfies Record<string, Flag>;
export type GlobalFlags = Parsed<typeof GLOBAL_FLAGS>;

/** One command of `wharf compose`: flags in, exit code out. */
export interface Command<F extends Flags = Flags> {
  readonly usage: string;
  readonly summary: string;
  readonly flags: F;
  /** Flags end at the first argument: what follows belongs to the container's command. */
  readonly stopAtFirst?: boolean;

  run(context: Context, parsed: ParseResult<F>): Promise<number>;
}
export function command<F extends Flags>(definition: Command<F>): Command<F> {
  return definition;
}

/** What commands share: the project, the engine, and where to print. */
export class Context {
  readonly io: ComposeIo;
  readonly globals: GlobalFlags;
  /** Nothing is changed: `--dry-run`. */
  dry = false;
  #client: Client | undefined;
  #stdin: string | undefined;

  constructor(io: ComposeIo, globals: GlobalFlags) {
    this.io = io;
    this.globals = globals;
  }

  get client(): Client {
    this.#client ??= this.dry ? dryRun(this.io.connect()) : this.io.connect();
    return this.#client;
  }

  /** The client, if the engine was needed already. */
  get connected(): Client | undefined {
    return this.#client;
  }

  get ansi(): boolean {
    const { noAnsi } = this.globals;
    const ansi = this.globals.ansi ?? this.io.env['COMPOSE_ANSI'];
    if (ansi === 'never' || noAnsi) return false;
    if (ansi === 'always') return true;
    return !this.io.env['NO_COLOR'];
  }

  /** Whether what goes to stdout is coloured: on a terminal, or always if that was asked for. */
  get colour(): boolean {
    return (
      this.ansi && (this.io.stdout.isTTY === true || (this.globals.ansi ?? this.io.env['COMPOSE_ANSI']) === 'always')
    );
  }

  /** Loads the project; services named on the command line have their profiles activated and must exist. */
  async project(
    services: readonly string[] = [],
    options: {
      readonly mustExist?: boolean;
      readonly interpolate?: boolean;
      readonly without?: LoadOptions['without'];
    } = {},
  ): Promise<Project> {
    const surroundings = await this.#surroundings();
    const project = loadProject(
      {
        ...this.#loadOptions(),
        services,
        ...(options.interpolate === undefined ? {} : { interpolate: options.interpolate }),
        ...(options.without ? { without: options.without } : {}),
      },
      surroundings,
    );
    if (options.mustExist !== false) {
      for (const name of services) {
        if (!project.services[name]) throw noSuchService(name, Object.keys(project.services));
      }
    }
    return project;
  }

  /** The project, or only its name when `-p` is given without a file: then labels say the rest. */
  async projectOrName(
    services: readonly string[] = [],
  ): Promise<{ readonly name: string; readonly project: Project | undefined }> {
    if (this.globals.projectName && this.globals.file.length === 0)
      return { name: this.globals.projectName, project: undefined };
    const project = await this.project(services);
    return { name: project.name, project };
  }

  async projectName(): Promise<string> {
    return loadProjectName(this.#loadOptions(), await this.#surroundings());
  }

  /** How many engine calls at a time: `--parallel`, `COMPOSE_PARALLEL_LIMIT`; -1: any number. */
  get parallel(): number {
    return (
      wholeNumber(this.globals.parallel ?? (this.io.env['COMPOSE_PARALLEL_LIMIT'] || undefined), '--parallel') ?? -1
    );
  }

  /** Rows as a Go template says. */
  async format(rows: readonly FormatRow[], layout: FormatLayout, format: string): Promise<string> {
    if (!this.io.formatRows) throw new Error('nothing to format rows with');
    return await this.io.formatRows(rows, layout, format);
  }

  /** A line for people on stdout. */
  print(text: string): void {
    this.io.stdout.write(`${text}\n`);
  }

  /** A word about what there was to do: on stderr, or where `COMPOSE_STATUS_STDOUT` wants it. */
  status(text: string): void {
    const out = isTrue(this.io.env['COMPOSE_STATUS_STDOUT']) ? this.io.stdout : this.io.stderr;
    out.write(`${text}\n`);
  }

  warn(text: string): void {
    if (this.io.stderr.isTTY && this.ansi) this.io.stderr.write(`\x1b[33mWARN\x1b[0m[0000] ${text}\n`);
    else
      this.io.stderr.write(
        `time=${JSON.stringify(new Date().toISOString().replace(/\.\d+Z$/, 'Z'))} level=warning msg=${JSON.stringify(text)}\n`,
      );
  }

  /** Shows what happens on stderr until it is closed. */
  progress(title: string, options: { readonly quiet?: boolean; readonly lines?: boolean } = {}): Progress {
    const mode = this.#progressMode(options.quiet ?? false);
    // Among other output a list cannot be redrawn.
    const shown = options.lines === true && mode === 'tty' ? 'plain' : mode;
    return new Progress(this.io.stderr, shown, title, this.ansi, this.dry);
  }

  /** Whether somebody sits at a terminal, for whom lines may be drawn anew and keys read. */
  get interactive(): boolean {
    const { stdin, stdout } = this.io;
    return stdin.isTTY === true && stdout.isTTY === true && this.ansi && this.#progressMode(false) === 'tty';
  }

  #progressMode(quiet: boolean): ProgressMode {
    const said = this.globals.progress ?? this.io.env['COMPOSE_PROGRESS'] ?? 'auto';
    if (quiet || said === 'quiet' || said === 'none') return 'quiet';
    if (said === 'plain' || said === 'json') return said;
    if (said === 'tty') return 'tty';
    if (said !== 'auto' && said !== '') throw composeUsage({ message: `unsupported --progress value "${said}"` });
    return this.io.stderr.isTTY && this.ansi ? 'tty' : 'plain';
  }

  #loadOptions(): LoadOptions {
    const g = this.globals;
    return {
      files: g.file,
      projectName: g.projectName,
      projectDirectory: g.projectDirectory ?? g.workdir,
      envFiles:
        g.envFile.length > 0 ? g.envFile : (this.io.env['COMPOSE_ENV_FILES'] ?? '').split(',').filter((f) => f !== ''),
      profiles: g.profile,
      allResources: g.allResources,
      compatibility: g.compatibility || isTrue(this.io.env['COMPOSE_COMPATIBILITY']),
    };
  }

  async #surroundings(): Promise<Surroundings> {
    if (this.globals.file.includes('-') || this.io.env['COMPOSE_FILE'] === '-')
      this.#stdin ??= await text(this.io.stdin);
    return {
      files: nodeFiles(this.#stdin),
      cwd: posix.resolve(this.io.cwd),
      home: this.io.env['HOME'],
      env: this.io.env,
      warn: (message) => this.warn(message),
    };
  }
}

export function noSuchService(name: string, known: readonly string[]): Error {
  const hint = /^(\/\/|#)/.test(name) ? 'on the command line a comment begins with # after a space' : undefined;
  return composeFailed({ message: `no such service: ${name}${didYouMean(name, known)}` }, { hint });
}
