import type { WharfError } from '../core/errors.ts';
import { runtimeFailed } from './errors.ts';
import type { Failure } from './monitor/protocol.ts';

const ODD_MOUNT =
  'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/**
 * What an OCI runtime said, in the words that containerd and Docker wrap around runc's: scripts look for
 * `executable file not found in $PATH`. crun's own wording of the same mistakes is translated.
 * @param program first argument of the process that was to run
 */
export function ociFailure(action: 'create' | 'start' | 'exec', program: string, failure: Failure): WharfError {
  const said = lastError(failure.log ?? '') ?? failure.message;
  const reason = reasonOf(said, program, action === 'exec' ? '' : 'error during container init: ');
  const message =
    action === 'exec'
      ? `OCI runtime exec failed: exec failed: unable to start container process: ${reason}: unknown`
      : `failed to create task for container: failed to create shim task: OCI runtime create failed: runc ${action} failed: unable to start container process: ${reason}: unknown`;
  return runtimeFailed({ message }, { cause: new Error(said) });
}

function reasonOf(said: string, program: string, during: string): string {
  const bare = said
    .replace(/^runc (create|start|run) failed: |^exec failed: /, '')
    .replace(/^unable to start container process: /, '')
    .replace(/^error during container init: /, '');
  const quoted = JSON.stringify(program);
  // crun: executable file `x` not found in $PATH: No such file or directory
  if (/executable file.*not found/i.test(bare)) {
    const missing = `exec: ${quoted}: executable file not found in $PATH`;
    return program.includes('/')
      ? `${during}exec: ${quoted}: stat ${program}: no such file or directory`
      : during + missing;
  }
  if (bare.startsWith('exec: ')) return during + bare;
  if (/mount.*: not a directory$/i.test(bare))
    return `${during}${bare.replace(/Not a directory$/, 'not a directory')}: ${ODD_MOUNT}`;
  // crun: open executable: Permission denied; stat /x: No such file or directory
  const stat = /^(?:open executable|stat|exec(?:ve)?|open)\b.*?: ([A-Z][a-z ]+)$/.exec(bare);
  if (stat !== null && stat[1] !== undefined) {
    // What crun calls EPERM is a directory or a file without the x bit; everybody else says EACCES.
    const cause = stat[1] === 'Operation not permitted' ? 'permission denied' : stat[1].toLowerCase();
    return `${during}exec: ${quoted}: ${cause}`;
  }
  return during + bare;
}

/** The last message of level error in a log of JSON lines, or its last line where it is none. */
function lastError(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => line !== '');
  for (const line of lines.toReversed()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      if (msg !== undefined && (level === undefined || level === 'error' || level === 'fatal')) return msg;
    } catch {
      return line;
    }
  }
  return undefined;
}
