import { styleText } from 'node:util';
import { type Logger as Pino, pino } from 'pino';
import type { Logger, LogLevel } from '../../core/log.ts';

/** A log whose level can be changed while the program runs; that of its children changes with it. */
export interface DaemonLog extends Logger {
  setLevel(level: LogLevel): void;
}

/** The daemon's log on stderr: lines for people, or JSON. */
export function createLogger(options: { readonly level: LogLevel; readonly format: 'text' | 'json' }): DaemonLog {
  // Whoever read the log may have gone; that is no reason to end.
  process.stderr.on('error', () => undefined);
  const write = options.format === 'json' ? (line: string) => line : readable;
  const sink = { write: (line: string) => void process.stderr.write(write(line)) };
  const root = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const threshold = { level: options.level };
  return { ...wrap(root, threshold), setLevel: (level) => void (threshold.level = level) };
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function wrap(log: Pino, threshold: { readonly level: LogLevel }): Logger {
  const say = (level: LogLevel) => (event: string, fields?: Record<string, unknown>) => {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(threshold.level)) log[level](fields ?? {}, event);
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => wrap(log.child(fields), threshold),
  };
}

const COLOURS = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const;

/** `2026-11-21T07:34:58.123Z info  api: request method=GET ms=1.2`; a stack goes on lines of its own. */
export function readable(line: string): string {
  const { time, level, event, part, stack, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = String(level) as keyof typeof COLOURS;
  // styleText obeys NO_COLOR and leaves out colours where stderr is no terminal.
  const coloured = styleText(COLOURS[name] ?? 'white', name.padEnd(5), { stream: process.stderr });
  const subject = part === undefined ? '' : `${text(part)}: `;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${text(value)}`);
  const trace = typeof stack === 'string' ? `\n${stack}` : '';
  return `${String(time)} ${coloured} ${subject}${String(event)}${rest.join('')}${trace}\n`.replaceAll('\r', '');
}

function text(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined';
  return /["\s=]|^$/.test(value) ? JSON.stringify(value) : value;
}
