/** One record of a json-file log. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 in UTC with nine digits. */
  readonly time: string;
  /** What was written, mostly a line with its newline. */
  readonly payload: Buffer;
  readonly attrs: Readonly<Record<string, string>> | undefined;
}

const HEAD = '{"log":"'.length;
const BEFORE_TIME = '","time":"';
const TAIL = '","stream":"stdout","time":"2006-01-02T15:04:05.000000000Z"}'.length;
const BACKSLASH = 92;
const LETTER_N = 110;

/**
 * Reads one line of the file, without its newline. `undefined`: it is damaged (a crash of the host can do that).
 * Nearly all lines are as our own writer makes them and need no JSON parser.
 */
export function decodeRecord(line: Buffer): LogRecord | undefined {
  const end = line.length - TAIL;
  if (end >= HEAD) {
    const tail = line.toString('latin1', end);
    if (tail.startsWith('","stream":"std') && tail.startsWith(BEFORE_TIME, 18) && tail.endsWith('Z"}')) {
      const escape = line.indexOf(BACKSLASH, HEAD);
      if (escape === end - 2 && line[escape + 1] === LETTER_N) {
        const payload = Buffer.from(line.subarray(HEAD, end - 1));
        payload[payload.length - 1] = 10;
        return {
          stream: tail.startsWith('stderr', 12) ? 'stderr' : 'stdout',
          time: tail.slice(28, 58),
          payload,
          attrs: undefined,
        };
      }
    }
  }
  return decodeSlowly(line);
}

interface Parsed {
  readonly log?: unknown;
  readonly stream?: unknown;
  readonly time?: unknown;
  readonly attrs?: Record<string, string>;
}

function decodeSlowly(line: Buffer): LogRecord | undefined {
  let parsed: Parsed | null;
  try {
    parsed = JSON.parse(line.toString('utf8')) as Parsed | null;
  } catch {
    return undefined;
  }
  if (parsed === null || typeof parsed !== 'object' || typeof parsed.time !== 'string') return undefined;
  return {
    stream: parsed.stream === 'stderr' ? 'stderr' : 'stdout',
    time: nineDigits(parsed.time),
    payload: Buffer.from(typeof parsed.log === 'string' ? parsed.log : ''),
    attrs: parsed.attrs,
  };
}

/** Docker's own writer leaves trailing zeros out. */
function nineDigits(time: string): string {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(time);
  return match === null ? time : `${match[1]}.${(match[2] ?? '').padEnd(9, '0').slice(0, 9)}Z`;
}
