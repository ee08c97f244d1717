import { posix } from 'node:path';
import type { Position } from '../../core/errors.ts';
import { composeFileInvalid, composeInputMissing } from '../errors.ts';
import type { EnvFile, Service } from '../model/service.ts';
import { DotenvError, parseDotenv, parseRawEnv } from './dotenv.ts';
import type { Surroundings } from './surroundings.ts';
import { shown } from './shown.ts';

/** Adds what a dotenv file says to `into`; what is there already stays, unless `override`. */
export function loadDotenv(
  path: string,
  text: string,
  into: Map<string, string>,
  lookup: (name: string) => string | undefined,
  s: Surroundings,
  override = false,
): void {
  for (const [key, value] of readEnvText(path, text, undefined, (name) => lookup(name) ?? into.get(name), s)) {
    if (override || !into.has(key)) into.set(key, value);
  }
}

/** What `.env` and `--env-file` say; the shell's own environment is not in it. `sources` gets the file of each. */
export function dotenvOf(
  options: { readonly envFiles: readonly string[]; readonly directories: readonly string[] },
  s: Surroundings,
  sources: Map<string, string> = new Map(),
): Map<string, string> {
  const values = new Map<string, string>();
  const from = (path: string, before: ReadonlyMap<string, string>): void => {
    for (const [key, value] of values) if (before.get(key) !== value || !sources.has(key)) sources.set(key, path);
  };
  const shell = (name: string): string | undefined => s.env[name];
  if (options.envFiles.length > 0) {
    for (const file of options.envFiles) {
      const path = posix.resolve(s.cwd, file);
      const text = s.files.read(path);
      if (text === undefined) throw composeInputMissing({ message: `couldn't find env file: ${path}` });
      const before = new Map(values);
      loadDotenv(path, text, values, shell, s, true);
      from(path, before);
    }
    return values;
  }
  if (/^(1|t|true|y)$/i.test(s.env['COMPOSE_DISABLE_ENV_FILE'] ?? '')) return values;
  for (const directory of new Set(options.directories)) {
    const path = posix.join(directory, '.env');
    const text = s.files.isDirectory(path) ? undefined : s.files.read(path);
    if (text === undefined) continue;
    const before = new Map(values);
    loadDotenv(path, text, values, shell, s);
    from(path, before);
  }
  return values;
}

/**
 * The environment of a service's containers: `env_file`, over it `environment`; a key without a value is taken from the
 * interpolation environment and left `null` when it is not there.
 * @throws {WharfError} `COMPOSE_INPUT_MISSING` for a required file that is not there
 */
export function serviceEnvironment(
  service: Service,
  lookup: (name: string) => string | undefined,
  s: Surroundings,
  missing: (file: EnvFile) => Error,
  said: (key: string, at: Position) => void,
): Record<string, string | null> {
  const own: Record<string, string | null> = {};
  for (const [key, value] of Object.entries(service.environment ?? {})) own[key] = value ?? lookup(key) ?? null;
  const fromFiles = new Map<string, string>();
  for (const file of service.env_file ?? []) {
    const text = s.files.isDirectory(file.path) ? undefined : s.files.read(file.path);
    if (text === undefined) {
      if (file.required) throw missing(file);
      continue;
    }
    const find = (name: string): string | undefined => lookup(name) ?? own[name] ?? fromFiles.get(name);
    for (const [key, value] of readEnvText(file.path, text, file.format, find, s)) {
      fromFiles.set(key, value);
      said(key, { file: shown(file.path, s.cwd), line: lineOf(key, text), column: 1 });
    }
  }
  return { ...Object.fromEntries(fromFiles), ...own };
}

/** The last line that begins with a key. */
function lineOf(key: string, text: string): number {
  const lines = text.split('\n');
  return (
    lines.findLastIndex((line) =>
      line
        .trim()
        .replace(/^export\s+/, '')
        .startsWith(key),
    ) + 1
  );
}

/** Labels of `label_file`s, later over earlier. */
export function fileLabels(
  paths: readonly string[],
  lookup: (name: string) => string | undefined,
  s: Surroundings,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of paths) {
    const text = s.files.read(path);
    if (text === undefined) throw composeInputMissing({ message: `label file ${path} not found` });
    Object.assign(found, Object.fromEntries(readEnvText(path, text, undefined, lookup, s)));
  }
  return found;
}

function readEnvText(
  path: string,
  text: string,
  format: string | undefined,
  lookup: (name: string) => string | undefined,
  s: Surroundings,
): Map<string, string> {
  try {
    return format === 'raw' ? parseRawEnv(text, lookup) : parseDotenv(text, lookup);
  } catch (e) {
    if (!(e instanceof DotenvError)) throw e;
    throw composeFileInvalid({ message: e.message }, { at: { file: shown(path, s.cwd), line: e.line, column: 1 } });
  }
}
