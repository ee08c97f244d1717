import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { EventMessage } from '../../core/wire/resources.ts';

/** Where events outlive the daemon. */
export interface Journal extends Disposable {
  /** Those of before, oldest first, at most as many as are kept. */
  readonly past: readonly EventMessage[];
  /** Success or not: an event is never the reason why something else fails. */
  append(message: EventMessage): void;
}

/**
 * A file of one event a line. What was appended is there for the next daemon even after `kill -9`: it is with the kernel
 * when `append` returns. It is not waited for until it is on the disk, so that a power cut may cost the last ones.
 * A disk that takes no more costs events in the file only; it is said once.
 * @param keep how many events matter; the file holds twice as many at most, and is then written anew
 */
export function openJournal(path: string, keep: number, log: Logger): Journal {
  const temporary = `${path}.tmp`;
  const recent = read(path).slice(-keep);
  let lines = 0;
  let fd = -1;
  let isTorn = false;
  let isSaid = false;

  const attempt = (work: () => void): void => {
    try {
      work();
      isSaid = false;
    } catch (error) {
      if (!isSaid) log.warn('events are not remembered on disk', { error: messageOf(error) });
      isSaid = true;
    }
  };
  /** The new file takes the old one's place as a whole. */
  const rewrite = (): void => {
    lines = keep; // what fails now is tried again when as many have come
    const text = recent.map((message) => `${JSON.stringify(message)}\n`).join('');
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
    if (fd >= 0) closeSync(fd);
    fd = -1;
    fd = openSync(path, 'a', 0o600);
    isTorn = false;
    lines = recent.length;
  };
  attempt(rewrite);
  const past = [...recent];

  return {
    past,
    append(message) {
      recent.push(message);
      if (recent.length > keep) recent.shift();
      lines++;
      if (lines > 2 * keep) return attempt(rewrite);
      if (fd < 0) return;
      const line = Buffer.from(`${isTorn ? '\n' : ''}${JSON.stringify(message)}\n`);
      attempt(() => {
        isTorn = true;
        isTorn = writeSync(fd, line) !== line.length;
      });
    },
    [Symbol.dispose]() {
      if (fd >= 0) closeSync(fd);
      fd = -1;
      rmSync(temporary, { force: true });
    },
  };
}

/** Lines that are no event (cut off by a crash, or lost with the power) count for nothing. */
function read(path: string): EventMessage[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      const message = JSON.parse(line) as unknown;
      return isEvent(message) ? [message] : [];
    } catch {
      return [];
    }
  });
}

function isEvent(value: unknown): value is EventMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { Type, Action, Actor, timeNano } = value as Partial<Record<keyof EventMessage, unknown>>;
  const isActor = typeof Actor === 'object' && Actor !== null && 'ID' in Actor && 'Attributes' in Actor;
  return typeof Type === 'string' && typeof Action === 'string' && isActor && Number.isFinite(timeNano);
}
