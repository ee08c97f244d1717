export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured logging: an event in a few words, and fields. The daemon's entry point supplies the implementation. */
export interface Logger {
  debug(event: string, fields?: Record<string, unknown>): void;
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
  /** A logger whose lines all carry these fields as well. */
  child(fields: Record<string, unknown>): Logger;
}

/** Drops everything; for tests and for programs that have no log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
