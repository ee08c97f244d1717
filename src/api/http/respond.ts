import type { ServerResponse } from 'node:http';
import { errnoOf, messageOf, WharfError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { API_VERSION, VERSION } from '../../core/version.ts';
import { pageNotFound } from '../errors.ts';
import { openFilesHint } from './open-files.ts';
import type { Answer } from './route.ts';

/** On every answer of a route that exists. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'Api-Version': API_VERSION,
  'Docker-Experimental': 'false',
  Ostype: 'linux',
  Server: `Wharf/${VERSION} (linux)`,
};

/** JSON as Docker's encoder ends it. */
export function jsonText(body: unknown): string {
  return `${JSON.stringify(body)}\n`;
}

export function send(response: ServerResponse, answer: Answer): void {
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body === undefined) {
    response.end();
    return;
  }
  const text = jsonText(answer.body);
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

/** The error that was meant, when releasing something failed after it. */
export function originOf(error: unknown): unknown {
  return error instanceof SuppressedError ? originOf(error.suppressed) : error;
}

export function statusOf(error: unknown): number {
  return error instanceof WharfError ? error.status : 500;
}

/** What the client is told: the message, with the place in front of it if it is about a file that somebody wrote. */
export function errorText(error: unknown): string {
  const said = messageOf(error);
  const message = `${said}${openFilesHint(said)}`;
  const at = error instanceof WharfError ? error.context.at : undefined;
  if (at === undefined) return message;
  const place = `${at.file}:${at.line}:${at.column}: `;
  return message.startsWith(place) ? message : `${place}${message}`;
}

/** Ends the response with an error, if that is still possible; else cuts it. */
export function sendError(response: ServerResponse, thrown: unknown, log: Logger): void {
  const error = originOf(thrown);
  logUnexpected(thrown, log);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (pageNotFound.is(error)) for (const name of Object.keys(COMMON_HEADERS)) response.removeHeader(name);
  const status = statusOf(error);
  send(response, status === 304 ? { status } : { status, body: { message: errorText(error) } });
}

/** Errors that nobody foresaw are for the operator, with their stack; those that were are for the client. */
export function logUnexpected(thrown: unknown, log: Logger): void {
  const error = originOf(thrown);
  if (thrown === error && error instanceof WharfError) {
    log.debug('request refused', { code: error.code, error: error.message });
    return;
  }
  // The client has gone.
  if (error instanceof Error && (error.name === 'AbortError' || ['EPIPE', 'ECONNRESET'].includes(errnoOf(error) ?? '')))
    return;
  log.error('request failed', {
    error: messageOf(error),
    ...(thrown === error ? {} : { thenFailed: messageOf((thrown as SuppressedError).error) }),
    stack: stackOf(thrown),
  });
}

function stackOf(thrown: unknown): string | undefined {
  if (thrown instanceof SuppressedError) return stackOf(thrown.error);
  return thrown instanceof Error ? thrown.stack : undefined;
}
