import { readFileSync } from 'node:fs';
import { lackOfOpenFiles } from '../../core/open-files.ts';

let known: string | undefined;

/**
 * What an error that lacks descriptors says further: which limit it is, and how it is raised. Nothing for other errors.
 * @param message as it would be told otherwise, with the errno in it
 */
export function openFilesHint(message: string): string {
  const lack = lackOfOpenFiles(message);
  if (lack === undefined) return '';
  if (lack === 'machine') return ' (the whole machine has no more open files: raise fs.file-max with sysctl)';
  const limit = openFilesLimit();
  const which = limit === undefined ? 'its limit of open files' : `its limit of ${limit} open files`;
  return ` (the daemon is at ${which}: raise it with LimitNOFILE= in its unit, or at once with "prlimit --pid ${process.pid} --nofile=65536")`;
}

/** The soft limit of this process; the last one seen if no file can be opened to read it. */
export function openFilesLimit(): string | undefined {
  try {
    known = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? known;
  } catch {
    // as before
  }
  return known;
}
