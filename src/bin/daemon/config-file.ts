import { readFileSync } from 'node:fs';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { badConfigFile } from './errors.ts';
import { SOURCES } from './settings.ts';

/** By key of `SOURCES`. */
export type ConfigFile = Readonly<Record<string, unknown>>;

/**
 * Reads the configuration file. One that nobody named may be missing.
 * @throws {WharfError} `BAD_CONFIG_FILE`
 */
export function readConfigFile(path: string, mustExist: boolean): ConfigFile {
  const text = read(path, mustExist);
  if (text === undefined || text.trim() === '') return {};
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (e) {
    throw badConfigFile({ file: path, reason: `it is not JSON: ${messageOf(e)}` }, { cause: e });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw badConfigFile({ file: path, reason: 'a JSON object is expected' });
  return checked(path, content);
}

function read(path: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    if (!mustExist && errnoOf(e) === 'ENOENT') return undefined;
    throw badConfigFile({ file: path, reason: messageOf(e) }, { cause: e });
  }
}

function checked(path: string, content: object): ConfigFile {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(content)) {
    if (name === 'debug' && typeof value === 'boolean') {
      if (value) result['log-level'] ??= 'debug';
      continue;
    }
    const source = SOURCES.find((s) => s.key === name || s.flag === name);
    if (source === undefined) {
      const hint = didYouMean(
        name,
        SOURCES.map((s) => s.key),
      );
      throw badConfigFile({
        file: path,
        reason: `the following directives don't match any configuration option: ${name}${hint}`,
      });
    }
    const fits =
      source.convert !== undefined ||
      (source.kind === 'text' && typeof value === 'string') ||
      (source.kind === 'flag' && typeof value === 'boolean') ||
      (source.kind === 'texts' && Array.isArray(value) && value.every((v) => typeof v === 'string'));
    if (!fits)
      throw badConfigFile({
        file: path,
        reason: `"${name}" must be ${EXPECTED[source.kind]}, not ${JSON.stringify(value)}`,
      });
    result[source.key] = value;
  }
  return result;
}

const EXPECTED = { text: 'a text', flag: 'true or false', texts: 'a list of texts' } as const;
