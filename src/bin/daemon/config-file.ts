import { readFileSync } from 'node:fs';
import { errnoOf, messageOf } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { DOCKER_ONLY_NAMES, ignoredBecause } from './docker-only.ts';
import { badConfigFile } from './errors.ts';
import { SOURCES } from './setting-sources.ts';

/** What a configuration file says: values by key of `SOURCES`, and what is to be said of keys that only dockerd obeys. */
export interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  readonly ignored: readonly string[];
}

/**
 * Reads the configuration file. One that nobody named may be missing.
 * @throws {WharfError} `BAD_CONFIG_FILE`
 */
export function readConfigFile(path: string, mustExist: boolean): ConfigFile {
  const text = read(path, mustExist);
  if (text === undefined || text.trim() === '') return { values: {}, ignored: [] };
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
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(flattened(content))) {
    if (name === 'debug' && typeof value === 'boolean') {
      if (value) result['log-level'] ??= 'debug';
      continue;
    }
    if (DOCKER_ONLY_NAMES.includes(name)) {
      const why = ignoredBecause(name, value);
      if (why !== undefined) ignored.push(why);
      continue;
    }
    const source = SOURCES.find((s) => s.key === name || s.flag === name);
    if (source === undefined) {
      const hint = didYouMean(name, [...SOURCES.map((s) => s.key), 'debug', ...DOCKER_ONLY_NAMES]);
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
  return { values: result, ignored };
}

/** The file groups some keys: `{"proxies": {"http-proxy": "…"}}` is `{"http-proxy": "…"}`. */
function flattened(content: object): object {
  const { proxies, ...rest } = content as { proxies?: unknown };
  return typeof proxies === 'object' && proxies !== null ? { ...rest, ...proxies } : content;
}

const EXPECTED = { text: 'a text', flag: 'true or false', texts: 'a list of texts' } as const;
