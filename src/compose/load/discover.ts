import { posix } from 'node:path';
import { composeInputMissing } from '../errors.ts';
import type { Surroundings } from './surroundings.ts';

const FILE_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** The files to load, absolute (`-` is standard input), and the folder that relative paths start from. */
export interface Found {
  readonly files: readonly string[];
  readonly projectDirectory: string;
}

/** Whether a file is said to be in a git repository or a registry. */
export function isRemoteFile(path: string): boolean {
  return /^(oci|git|https?|ssh):\/\/|^git@|^github\.com\//.test(path);
}

export const REMOTE_HINT = 'fetch it first, and name the file on this machine';

/**
 * Finds the Compose files: those named, those of `COMPOSE_FILE`, else the first known name here or in a parent folder with
 * the override file beside it. Source: compose-go, cli/options.go.
 * @throws {WharfError} `COMPOSE_INPUT_MISSING`
 */
export function discover(
  named: readonly string[],
  projectDirectory: string | undefined,
  lookup: (name: string) => string | undefined,
  s: Surroundings,
): Found {
  const base = projectDirectory === undefined ? undefined : posix.resolve(s.cwd, projectDirectory);
  const separator = lookup('COMPOSE_PATH_SEPARATOR') ?? ':';
  const fromEnv = (lookup('COMPOSE_FILE') ?? '').split(separator).filter((f) => f !== '');
  const given = named.length > 0 ? named : fromEnv;
  if (given.length > 0) {
    const remote = given.find(isRemoteFile);
    if (remote !== undefined)
      throw composeInputMissing(
        { message: `remote Compose files are not supported: ${remote}` },
        { hint: REMOTE_HINT },
      );
    const files = given.map((f) => (f === '-' ? f : posix.resolve(s.cwd, f)));
    for (const file of files) {
      if (file === '-') continue;
      if (s.files.isDirectory(file)) throw composeInputMissing({ message: `read ${file}: is a directory` });
      if (s.files.read(file) === undefined)
        throw composeInputMissing({ message: `open ${file}: no such file or directory` });
    }
    const first = files.find((f) => f !== '-');
    return { files, projectDirectory: base ?? (first === undefined ? s.cwd : posix.dirname(first)) };
  }
  for (let directory = base ?? s.cwd; ; directory = posix.dirname(directory)) {
    const present = FILE_NAMES.filter((name) => s.files.read(posix.join(directory, name)) !== undefined);
    const [file] = present;
    if (file !== undefined) {
      if (present.length > 1) {
        s.warn(
          `Found multiple config files with supported names: ${present.map((n) => posix.join(directory, n)).join(', ')}`,
        );
        s.warn(`Using ${posix.join(directory, file)}`);
      }
      const override = OVERRIDE_NAMES.find((name) => s.files.read(posix.join(directory, name)) !== undefined);
      const files = [file, ...(override === undefined ? [] : [override])].map((name) => posix.join(directory, name));
      return { files, projectDirectory: base ?? directory };
    }
    if (directory === posix.dirname(directory)) break;
  }
  throw composeInputMissing(
    { message: 'no configuration file provided: not found' },
    { hint: `expected ${FILE_NAMES[0]} in ${base ?? s.cwd} or a folder above it, or a file given with -f` },
  );
}
