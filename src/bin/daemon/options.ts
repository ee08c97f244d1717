import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { API_VERSION, VERSION } from '../../core/version.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { DOCKER_ONLY_NAMES, ignoredBecause } from './docker-only.ts';
import { badConfigFile, badOption } from './errors.ts';
import type { SettingSource } from './setting-source.ts';
import { SOURCES } from './setting-sources.ts';
import { DEFAULT_CONFIG_FILE, DEFAULTS, type Settings } from './settings.ts';

/**
 * Settings from flags, then the configuration file, then defaults.
 * @throws {WharfError} `BAD_OPTION`; `BAD_CONFIG_FILE`, also when flag and file set the same
 */
export function readSettings(args: readonly string[]): Settings {
  const { flags, configFile, ignored } = parseFlags(args);
  const explicit = configFile !== undefined;
  const path = configFile ?? DEFAULT_CONFIG_FILE;
  const file = readConfigFile(path, explicit);
  refuseConflicts(flags, file, path);
  const given = SOURCES.flatMap((source) => {
    const value = flags[source.flag] ?? file.values[source.key];
    return value === undefined ? [] : [[source.setting, source.convert?.(value) ?? value]];
  });
  const settings: Settings = { ...DEFAULTS, ...Object.fromEntries(given), ignored: [...ignored, ...file.ignored] };
  return { ...settings, dataRoot: resolve(settings.dataRoot), execRoot: resolve(settings.execRoot) };
}

interface GivenFlags {
  readonly flags: Record<string, unknown>;
  readonly configFile: string | undefined;
  /** What is to be said of flags that only dockerd obeys. */
  readonly ignored: readonly string[];
}

function parseFlags(args: readonly string[]): GivenFlags {
  const program = new Command('wharfd')
    .description('The container engine: serves the Engine API.')
    .version(`Wharf version ${VERSION}, API ${API_VERSION}`, '-v, --version')
    .option('--config-file <file>', `configuration in JSON (default: ${DEFAULT_CONFIG_FILE})`)
    .option('-D, --debug', 'the same as --log-level debug')
    .allowExcessArguments(false);
  for (const source of SOURCES) program.addOption(optionOf(source));
  // A command line that was made for dockerd can be used as it is.
  for (const name of DOCKER_ONLY_NAMES) program.addOption(new Option(`--${name} [value]`).hideHelp());
  program.parse(args, { from: 'user' });
  const values = program.opts<Record<string, unknown>>();
  const flags = Object.fromEntries(SOURCES.map((s) => [s.flag, values[camel(s.flag)]]));
  if (values['debug'] === true) flags['log-level'] ??= 'debug';
  const ignored = DOCKER_ONLY_NAMES.flatMap((name) => {
    const value = values[camel(name)];
    return value === undefined ? [] : (ignoredBecause(name, value) ?? []);
  });
  return { flags, configFile: values['configFile'] as string | undefined, ignored };
}

function optionOf({ flag, short, argument, help, kind }: SettingSource): Option {
  const dashes = `${short === undefined ? '' : `-${short}, `}--${flag}`;
  const option = new Option(kind === 'flag' ? `${dashes} [bool]` : `${dashes} <${argument}>`, help);
  if (kind === 'flag') option.argParser((value: string) => yesOrNo(flag, value));
  if (kind === 'texts') option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  return option;
}

/** `--init`, `--init=false`. */
function yesOrNo(flag: string, text: string): boolean {
  if (['true', '1', 't'].includes(text)) return true;
  if (['false', '0', 'f'].includes(text)) return false;
  throw badOption({ message: `invalid argument ${JSON.stringify(text)} for "--${flag}": true or false is expected` });
}

function camel(flag: string): string {
  return flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** As with Docker, what is set twice is a mistake that must not be decided silently. */
function refuseConflicts(flags: Record<string, unknown>, file: ConfigFile, path: string): void {
  const twice = SOURCES.filter((s) => flags[s.flag] !== undefined && file.values[s.key] !== undefined).map(
    (s) => `${s.key}: (from flag: ${show(flags[s.flag])}, from file: ${show(file.values[s.key])})`,
  );
  if (twice.length === 0) return;
  const reason = `the following directives are specified both as a flag and in the configuration file: ${twice.join(', ')}`;
  throw badConfigFile({ file: path, reason });
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
