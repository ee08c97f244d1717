import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { errnoOf, messageOf } from '../../core/errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * `--env-file`s, then `-e`: `K=V` as it is; `K` alone takes its value from the client's environment. Without one there it
 * is left out of a file, and given to `-e` it takes the image's variable away.
 * @throws {Error} for a variable without a name or a file that cannot be read
 */
export function environment(files: readonly string[], given: readonly string[], env: Env, cwd: string): string[] {
  const fromFiles = files.flatMap((file) => fileLines(file, cwd).flatMap((line) => fileVariable(line, file)));
  const own = (entry: string) => (entry.includes('=') || env[entry] === undefined ? entry : `${entry}=${env[entry]}`);
  given.forEach(checkVariable);
  return [...fromFiles.map(own).filter((entry) => entry.includes('=')), ...given.map(own)];
}

/** @throws {Error} in docker's words, for a variable without a name */
export function checkVariable(entry: string): void {
  if (entry.startsWith('=') || entry === '') throw new Error(`invalid environment variable: ${entry}`);
}

/** @throws {Error} in docker's words, for a label without a name */
export function checkLabel(entry: string): void {
  if (entry.startsWith('=') || entry === '') throw new Error(`invalid label '${entry}': empty name`);
}

/** `--label-file`s, then `-l`: `k=v`, or `k` alone for an empty value. */
export function labels(files: readonly string[], given: readonly string[], cwd: string): Record<string, string> {
  return pairs([...files.flatMap((file) => fileLines(file, cwd)), ...given]);
}

/** `k=v` texts as a map; later ones win. */
export function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=');
      return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** `-f key=value` filters, values of one key together. */
export function filterPairs(texts: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals >= 0) (filters[text.slice(0, equals).trim().toLowerCase()] ??= []).push(text.slice(equals + 1).trim());
  }
  return filters;
}

function fileLines(file: string, cwd: string): string[] {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
  } catch (e) {
    if (errnoOf(e) === 'EISDIR')
      throw new Error(`invalid env file (${file}): read ${file}: is a directory`, { cause: e });
    throw new Error(errnoOf(e) === 'ENOENT' ? `open ${file}: no such file or directory` : messageOf(e), { cause: e });
  }
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function fileVariable(line: string, file: string): string[] {
  const equals = line.indexOf('=');
  const name = equals < 0 ? line.trim() : line.slice(0, equals);
  if (name === '') throw new Error(`invalid env file (${file}): no variable name on line '${line}'`);
  if (/\s/.test(name)) throw new Error(`invalid env file (${file}): variable '${name}' contains whitespaces`);
  return [equals < 0 ? name : line];
}
