import { messageOf, type Position, WharfError } from '../../core/errors.ts';
import { CODE, RpcError } from './grpc/status.ts';

/** Where a client finds the lines that an error is about. @see moby/buildkit solver/errdefs/source.go */
const SOURCE = 'github.com/moby/buildkit/errdefs.Source+json';

/** So many lines before and after. */
const SHOWN = 8;
const LONGEST = 1000;

/** A failed build in BuildKit's words, with the Dockerfile's lines for the client to show. */
export function buildError(e: unknown, filename: string, dockerfile: string): RpcError {
  if (e instanceof RpcError) return e;
  const at = e instanceof WharfError ? e.context.at : undefined;
  const details: RpcError['details'] = [];
  if (at !== undefined) {
    const range = { start: { line: at.line }, end: { line: at.lastLine ?? at.line } };
    const source = {
      info: { filename, data: Buffer.from(around(dockerfile, at)).toString('base64') },
      ranges: [range],
    };
    details.push({ typeUrl: SOURCE, value: Buffer.from(JSON.stringify(source)) });
  }
  return new RpcError(CODE.unknown, buildKitWords(messageOf(e)), details);
}

/**
 * The text, of which a client shows the lines around a place. What it does not show may be too much for an answer's end, and so may
 * be a line.
 */
function around(text: string, { line, lastLine = line }: Position): string {
  if (text.includes('\0')) return '';
  return text
    .split('\n', lastLine + SHOWN)
    .map((content, i) => (i + 1 < line - SHOWN ? '' : content.slice(0, LONGEST)))
    .join('\n');
}

/** BuildKit's words for a command that failed; other texts as they are. */
export function buildKitWords(text: string): string {
  const [, command, code] = /^The command '(.*)' returned a non-zero code: (\d+)$/s.exec(text) ?? [];
  if (command === undefined) return text;
  return `process ${JSON.stringify(command)} did not complete successfully: exit code: ${code}`;
}
