import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { withUnpackedPackages } from '../../scripts/lib/debian-packages.mjs';
import { run } from '../../scripts/lib/run.mjs';
import { done, step } from '../../scripts/lib/say.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** What is fetched, to the version. */
const LOCKED = join(HERE, 'jazzer');
const CACHE = join(process.env['WHARF_CACHE'] ?? '/var/cache/wharf', 'fuzzer');
/** Its prebuilt addon asks for this C library or a newer one; on older systems (Debian 12) one of Debian 13 is used. */
const OLDEST_GLIBC = 38;
const MOST_MEMORY_MIB = 200;
/** A loop without end is known by this; tryInput() knows what takes long and ends. */
const ENDLESS_SECONDS = 10;

interface Paths {
  readonly program: string;
  readonly found: string;
  readonly dictionary: string;
}
export interface Piece {
  readonly executions: number;
  readonly seconds: number;
  readonly edges: number;
  /** Beyond what the process had when it began, at most. */
  readonly memoryMiB: number;
  /** Without an input it is the fuzzer itself that failed, and `text` says how it ended. */
  readonly failure?: { readonly text: string; readonly input: Buffer | undefined };
}
export interface Fuzzer {
  /** Tries inputs for a while; those that reach something new are put into `paths.found`. */
  run(
    paths: Paths,
    limits: { readonly seconds: number; readonly seed: number; readonly longest: number },
  ): Promise<Piece>;
  /** The shortest of the inputs found that together reach all that they reach. */
  minimised(paths: Paths): Promise<Buffer[]>;
}

/** Puts a target and all it imports into one file of JavaScript, as the fuzzer wants it. */
export async function bundle(target: string, outfile: string): Promise<void> {
  const contents =
    `import { tryInput } from './target.ts'; import { target } from './targets/${target}.ts';` +
    'export const fuzz = (input) => tryInput(target, input);';
  await build({
    stdin: { contents, resolveDir: HERE, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    sourcemap: 'inline',
    external: ['koffi'],
    logLevel: 'error',
  });
}

/** Jazzer.js (libFuzzer for JavaScript), fetched if it is not here. */
export async function openFuzzer(): Promise<Fuzzer> {
  const [command = '', ...before] = await fetched();
  const start = (paths: Paths, flags: readonly string[], inputs: readonly string[]) =>
    ended(
      command,
      [
        ...before,
        paths.program,
        ...inputs,
        '--sync',
        // These parsers open no files: a path that leads upwards is an input like others.
        '--disableBugDetectors=path-traversal',
        `--timeout=${ENDLESS_SECONDS * 1000}`,
        '--',
        ...flags,
      ],
      `${paths.found}-log`,
    );
  return {
    async run(paths, limits) {
      const artifacts = mkdtempSync(`${paths.found}-failed-`);
      const flags = [
        `-max_total_time=${limits.seconds}`,
        `-seed=${limits.seed}`,
        `-max_len=${limits.longest}`,
        `-dict=${paths.dictionary}`,
        `-artifact_prefix=${artifacts}/`,
        '-print_final_stats=1',
      ];
      const { code, signal, text } = await start(paths, flags, [paths.found]);
      const begin = number(/INITED .* rss: (\d+)Mb/, text);
      const piece = {
        executions: number(/number_of_executed_units: (\d+)/, text),
        seconds: number(/Done \d+ runs in (\d+) second/, text),
        edges: Math.max(0, ...[...text.matchAll(/ cov: (\d+) /g)].map((m) => Number(m[1]))),
        memoryMiB: Math.max(0, number(/peak_rss_mb:\s*(\d+)/, text) - begin),
      };
      const [artifact] = readdirSync(artifacts);
      const input = artifact === undefined ? undefined : readFileSync(join(artifacts, artifact));
      if (code !== 0 || artifact !== undefined || piece.executions === 0)
        return { ...piece, failure: { text: `${lastLines(text)}\nended with ${signal ?? `code ${code}`}`, input } };
      if (piece.memoryMiB <= MOST_MEMORY_MIB) return piece;
      return { ...piece, failure: { text: `took ${piece.memoryMiB} MiB`, input: undefined } };
    },
    async minimised(paths) {
      const files = readdirSync(paths.found).map((name) => join(paths.found, name));
      const control = `${paths.found}-merge`;
      writeFileSync(control, [files.length, 0, ...files, ''].join('\n'));
      await start(paths, ['-merge_inner=1', `-merge_control_file=${control}`], []);
      return smallestCover(
        files.map((file) => readFileSync(file)),
        readFileSync(control, 'utf8'),
      );
    },
  };
}

/** @param control what the fuzzer has noted: `FT` and an input's number and the features it has */
function smallestCover(inputs: readonly Buffer[], control: string): Buffer[] {
  const reached = new Set<string>();
  const kept: Buffer[] = [];
  const features = new Map(
    [...control.matchAll(/^FT (\d+) (.*)$/gm)].map((m) => [Number(m[1]), m[2]?.split(' ') ?? []]),
  );
  const byLength = inputs.map((input, i) => ({ input, features: features.get(i) ?? [] }));
  for (const { input, features: own } of byLength.toSorted((a, b) => a.input.length - b.input.length)) {
    const before = reached.size;
    for (const feature of own) reached.add(feature);
    if (reached.size > before) kept.push(input);
  }
  return kept;
}

/** The command that starts it, made ready in the cache. */
async function fetched(): Promise<string[]> {
  const lock = readFileSync(join(LOCKED, 'package-lock.json'));
  const home = join(CACHE, createHash('sha256').update(lock).digest('hex').slice(0, 12));
  if (!existsSync(home)) {
    step('The fuzzer');
    mkdirSync(CACHE, { recursive: true });
    const temporary = mkdtempSync(join(CACHE, 'tmp-'));
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(LOCKED, name), join(temporary, name));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: temporary });
    if (glibcMinor() < OLDEST_GLIBC) {
      await withUnpackedPackages('trixie', ['libc6', 'libstdc++6', 'libgcc-s1'], async (unpacked: string) => {
        await run('cp', ['-a', join(unpacked, 'usr/lib', triplet()), join(temporary, 'lib')]);
      });
    }
    renameSync(temporary, home);
    done(home);
  }
  // No more than this may be alive at a time; what is garbage is the collector's affair.
  const jazzer = [
    process.execPath,
    `--max-old-space-size=${MOST_MEMORY_MIB}`,
    '--expose-gc',
    join(home, 'node_modules/@jazzer.js/core/dist/cli.js'),
  ];
  const lib = join(home, 'lib');
  const loader = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2';
  return existsSync(lib) ? [join(lib, loader), '--library-path', lib, ...jazzer] : jazzer;
}

function glibcMinor(): number {
  const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return Number(report.header?.glibcVersionRuntime?.split('.')[1] ?? '0');
}

function triplet(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}

function number(pattern: RegExp, text: string): number {
  return Number(pattern.exec(text)?.[1] ?? '0');
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-30).join('\n');
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly text: string;
}

/** What it prints goes to a file: Node makes pipes non-blocking, and the fuzzer passes over what does not fit into one. */
async function ended(command: string, args: readonly string[], log: string): Promise<Ended> {
  const fd = openSync(log, 'w');
  try {
    const child = spawn(command, args, { stdio: ['ignore', fd, fd] });
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code, signal, text: readFileSync(log, 'utf8') };
  } finally {
    closeSync(fd);
  }
}
