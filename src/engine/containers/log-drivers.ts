import { invalidParameter } from '../../core/errors.ts';
import type { HostConfig } from '../../core/wire/container.ts';
import { requestFailed } from '../errors.ts';
import { checkSyslogOptions, SYSLOG_OPTIONS } from './log-syslog.ts';

const MIB = 1024 * 1024;
/** Options that say what goes with each line. */
const ATTRIBUTE_OPTIONS = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
/** Options that every driver knows. */
const COMMON_OPTIONS = ['mode', 'max-buffer-size'];
/** The log file that a driver without one of its own keeps for `docker logs`. */
const CACHE_OPTIONS = ['cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'];
const FILE_OPTIONS = [...ATTRIBUTE_OPTIONS, 'max-size', 'max-file', 'compress'];

interface Driver {
  readonly options: ReadonlySet<string>;
  /** Rotation unless told otherwise; 0: the file is never rotated. */
  readonly maxSizeBytes: number;
  readonly maxFiles: number;
  /** Options of the file: their prefix. */
  readonly prefix: '' | 'cache-';
}

const forwarding = (options: readonly string[]): Driver => ({
  options: new Set([...ATTRIBUTE_OPTIONS, ...COMMON_OPTIONS, ...CACHE_OPTIONS, ...options]),
  maxSizeBytes: 20 * MIB,
  maxFiles: 5,
  prefix: 'cache-',
});
const writing = (maxSizeBytes: number, maxFiles: number): Driver => ({
  options: new Set([...FILE_OPTIONS, ...COMMON_OPTIONS, ...CACHE_OPTIONS]),
  maxSizeBytes,
  maxFiles,
  prefix: '',
});

/** `local` is json-file with rotation, whatever it is called in Docker. */
const DRIVERS = {
  'json-file': writing(0, 1),
  local: writing(20 * MIB, 5),
  none: writing(0, 1),
  journald: forwarding([]),
  syslog: forwarding(SYSLOG_OPTIONS),
} as const;

type LogDriver = keyof typeof DRIVERS;
export const LOG_DRIVERS = Object.keys(DRIVERS) as LogDriver[];

/** What is kept of the log for sending it on, when nobody may read it. */
const QUEUE = { maxSizeBytes: MIB, maxFiles: 2 };

/** Where output is recorded, and how the file is rotated. */
export interface LogSettings {
  readonly driver: LogDriver;
  readonly maxSizeBytes: number;
  readonly maxFiles: number;
}

/** @throws {WharfError} `INVALID_PARAMETER` at an unknown driver, option or size */
export function logSettings(host: HostConfig): LogSettings {
  const name = host.LogConfig?.Type || 'json-file';
  const driver = name as LogDriver;
  if (!LOG_DRIVERS.includes(driver)) {
    throw requestFailed(
      { message: `error looking up logging plugin ${name}: plugin "${name}" not found` },
      { hint: `this engine records output by ${LOG_DRIVERS.join(', ')}` },
    );
  }
  const { options: known, prefix, ...defaults } = DRIVERS[driver];
  const options = host.LogConfig?.Config ?? {};
  if (driver === 'none') return { driver, ...defaults };
  for (const option of Object.keys(options)) {
    if (!known.has(option)) {
      throw invalidParameter({ message: `unknown log opt '${option}' for ${driver} log driver` });
    }
  }
  if (driver === 'syslog') checkSyslogOptions(options);
  checkMode(options);
  const rotation = rotationOf(options, prefix, defaults);
  return { driver, ...(isLogReadable(host) ? rotation : QUEUE) };
}

/** Whether `docker logs` can show what was recorded. */
export function isLogReadable({ LogConfig }: HostConfig): boolean {
  if (LogConfig?.Type === 'none') return false;
  const hasFileOfItsOwn = LogConfig?.Type !== 'syslog' && LogConfig?.Type !== 'journald';
  return hasFileOfItsOwn || !isTrue(LogConfig.Config?.['cache-disabled']);
}

function checkMode({ mode = '', 'max-buffer-size': size }: Readonly<Record<string, string>>): void {
  if (!['', 'blocking', 'non-blocking'].includes(mode)) {
    throw invalidParameter({ message: `logger: logging mode not supported: ${mode}` });
  }
  if (size === undefined) return;
  if (mode !== 'non-blocking') {
    throw invalidParameter({
      message: "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    });
  }
  parseSize(size);
}

function rotationOf(
  options: Readonly<Record<string, string>>,
  prefix: Driver['prefix'],
  defaults: Pick<Driver, 'maxSizeBytes' | 'maxFiles'>,
): Pick<LogSettings, 'maxSizeBytes' | 'maxFiles'> {
  const files = options[`${prefix}max-file`];
  if (files !== undefined && !(/^\d+$/.test(files) && Number(files) >= 1)) {
    throw invalidParameter({ message: `${prefix}max-file must be a number of at least 1, not "${files}"` });
  }
  const size = options[`${prefix}max-size`];
  return {
    maxSizeBytes: size === undefined ? defaults.maxSizeBytes : size === '-1' ? 0 : parseSize(size),
    maxFiles: files === undefined ? defaults.maxFiles : Number(files),
  };
}

function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'true'].includes((text ?? '').toLowerCase());
}

/** Bytes of `10m`, `1.5GB`, `512` (binary multiples, as Docker reads them). @throws {WharfError} `INVALID_PARAMETER` */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgtp])i?b?|b)?$/i.exec(text);
  if (match === null) throw invalidParameter({ message: `invalid size: '${text}'` });
  const power = 'kmgtp'.indexOf((match[2] ?? '').toLowerCase() || '?') + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
}
